//! What clients may ask of a cart, and what such a request must look like.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::owner::is_session_id;
use super::rules::MOST_OF_A_LINE;
use crate::error::{ApiError, Problems};
use crate::money::Money;

const LONGEST_PRODUCT_ID: usize = 100;
const LONGEST_NAME: usize = 255;
const LONGEST_IMAGE: usize = 2000;
const LONGEST_ORDER_ID: usize = 100;

/// A product that is to be put into the cart, beside what is there of it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddItem {
    /// The SKU under which inventory knows the product.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) product_id: String,
    /// Not used: the name is inventory's.
    #[schema(max_length = 255)]
    pub(super) product_name: Option<String>,
    /// Shown with the product; inventory keeps none.
    #[schema(max_length = 2000)]
    pub(super) product_image: Option<String>,
    /// Not used: the price is inventory's. More than 0 when given.
    pub(super) price: Option<Money>,
    #[schema(minimum = 1, maximum = 100)]
    pub(super) quantity: i64,
}

/// The quantity that a product in the cart is to have.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeItem {
    #[schema(min_length = 1, max_length = 100)]
    pub(super) product_id: String,
    /// 0 takes it out.
    #[schema(minimum = 0, maximum = 100)]
    pub(super) quantity: i64,
}

/// A guest's cart that is to go into a user's.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Merge {
    /// The session's id; beside an `X-Session-ID` header the guest cart's `cartId` will do.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) anonymous_cart_id: String,
    /// The caller when not given.
    pub(super) target_user_id: Option<i64>,
}

/// The order that a cart became.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Conversion {
    /// Repeating the call with the same order changes nothing.
    #[param(min_length = 1, max_length = 100)]
    pub(super) order_id: String,
}

impl AddItem {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        problems.text("productId", &self.product_id, LONGEST_PRODUCT_ID);
        let kept = (1..=MOST_OF_A_LINE).contains(&self.quantity);
        problems.check(kept, "quantity", self.quantity, "must be 1 to 100");
        let positive = self.price.is_none_or(|price| price > Money::default());
        problems.check(positive, "price", self.price, "must be more than 0");
        bounded(
            &mut problems,
            "productName",
            self.product_name.as_deref(),
            LONGEST_NAME,
        );
        bounded(
            &mut problems,
            "productImage",
            self.product_image.as_deref(),
            LONGEST_IMAGE,
        );
        problems.finish()
    }
}

fn bounded(problems: &mut Problems, field: &str, value: Option<&str>, longest: usize) {
    let kept = value.is_none_or(|text| text.chars().count() <= longest);
    let rule = format!("must have at most {longest} characters");
    problems.check(kept, field, value, &rule);
}

impl ChangeItem {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        problems.text("productId", &self.product_id, LONGEST_PRODUCT_ID);
        let kept = (0..=MOST_OF_A_LINE).contains(&self.quantity);
        problems.check(kept, "quantity", self.quantity, "must be 0 to 100");
        problems.finish()
    }
}

impl Merge {
    /// 400 when the id can be neither a session's nor a cart's.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let rule = "must have 1 to 128 visible ASCII characters";
        let id = &self.anonymous_cart_id;
        problems.check(is_session_id(id), "anonymousCartId", id, rule);
        problems.finish()
    }
}

impl Conversion {
    /// 400 when the id is missing or too long.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        problems.text("orderId", &self.order_id, LONGEST_ORDER_ID);
        problems.finish()
    }
}
