//! What requests must look like.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::rules::{OrderStatus, PaymentMethod};
use crate::error::{ApiError, Problems};
use crate::money::Money;

/// Lines of an order.
pub(super) const MOST_LINES: usize = 50;
/// What an order may cost.
pub(super) const MOST_TOTAL: Money = Money::cents(1_000_000);
const LONGEST_TEXT: usize = 500;
const LONGEST_NAME: usize = 200;
const LONGEST_KEY: usize = 200;
const LARGEST_PAGE: i64 = 100;
const LAST_PAGE: i64 = 1_000_000;

/// A wish to order what the caller's cart holds.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlaceOrder {
    /// Checked, and not used otherwise: lines come from the cart, prices from the inventory.
    #[schema(max_items = 50)]
    items: Vec<Item>,
    pub(super) shipping_address: Address,
    #[schema(max_length = 500)]
    pub(super) notes: Option<String>,
    /// CREDIT_CARD when it is missing.
    pub(super) payment_method: Option<PaymentMethod>,
    /// As the header of this name, which counts before it.
    #[serde(skip_serializing)]
    #[schema(min_length = 1, max_length = 200)]
    idempotency_key: Option<String>,
}

/// A line as the client believes it to be.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[schema(min_length = 1, max_length = 200)]
    product_id: String,
    #[schema(min_length = 1, max_length = 200)]
    product_name: String,
    product_image: Option<String>,
    /// This or `unitPrice`, above 0.
    price: Option<Money>,
    unit_price: Option<Money>,
    #[schema(minimum = 1, maximum = 100)]
    quantity: i64,
}

/// Where the goods go.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    #[schema(min_length = 1, max_length = 200)]
    street: String,
    #[schema(min_length = 1, max_length = 200)]
    city: String,
    #[schema(min_length = 1, max_length = 200)]
    state: String,
    #[schema(pattern = r"^[0-9]{5}(-[0-9]{4})?$")]
    zip_code: String,
    #[schema(min_length = 1, max_length = 200)]
    country: String,
    #[schema(max_length = 200)]
    phone: Option<String>,
}

impl PlaceOrder {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let few = self.items.len() <= MOST_LINES;
        problems.check(few, "items", self.items.len(), "must be at most 50");
        for (at, item) in self.items.iter().enumerate().take(MOST_LINES) {
            item.check(&format!("items[{at}]"), &mut problems);
        }
        self.shipping_address.check(&mut problems);
        at_most(&mut problems, "notes", self.notes.as_deref());
        problems.finish()
    }

    /// The key under which repeating the request has no second effect; the header's before the
    /// body's. 400 when it is no key.
    pub(super) fn key(&self, header: Option<&[u8]>) -> Result<Option<String>, ApiError> {
        let given = match header {
            Some(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            None => self.idempotency_key.clone(),
        };
        let Some(key) = given else { return Ok(None) };
        let visible = key.bytes().all(|b| b.is_ascii_graphic());
        if key.is_empty() || key.len() > LONGEST_KEY || !visible {
            let rule = "must have 1 to 200 visible ASCII characters";
            let mut problems = Problems::default();
            problems.add("Idempotency-Key", key, rule);
            problems.finish()?;
            return Ok(None);
        }
        Ok(Some(key))
    }

    /// Tells apart requests that use the same key.
    pub(super) fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        format!("{:x}", Sha256::digest(text))
    }
}

impl Item {
    fn check(&self, at: &str, problems: &mut Problems) {
        problems.text(&format!("{at}.productId"), &self.product_id, LONGEST_NAME);
        problems.text(
            &format!("{at}.productName"),
            &self.product_name,
            LONGEST_NAME,
        );
        let price = self.price.or(self.unit_price);
        let costs = price.is_some_and(|price| price > Money::cents(0));
        problems.check(costs, &format!("{at}.price"), price, "must be above 0");
        let kept = (1..=100).contains(&self.quantity);
        let field = format!("{at}.quantity");
        problems.check(kept, &field, self.quantity, "must be 1 to 100");
    }
}

impl Address {
    fn check(&self, problems: &mut Problems) {
        for (field, value) in [
            ("street", &self.street),
            ("city", &self.city),
            ("state", &self.state),
            ("country", &self.country),
        ] {
            problems.text(&format!("shippingAddress.{field}"), value, LONGEST_NAME);
        }
        let zip = &self.zip_code;
        let field = "shippingAddress.zipCode";
        problems.check(is_zip(zip), field, zip, "must be 12345 or 12345-6789");
        if let Some(phone) = &self.phone {
            problems.text("shippingAddress.phone", phone, LONGEST_NAME);
        }
    }
}

/// Five digits, or five, a hyphen and four.
fn is_zip(text: &str) -> bool {
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('-') {
        None => digits(text, 5),
        Some((five, four)) => digits(five, 5) && digits(four, 4),
    }
}

fn at_most(problems: &mut Problems, field: &str, value: Option<&str>) {
    let value = value.unwrap_or_default();
    let kept = value.chars().count() <= LONGEST_TEXT;
    problems.check(kept, field, value, "must have at most 500 characters");
}

/// A status that an administrator wants.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct PutStatus {
    pub(super) status: OrderStatus,
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl PutStatus {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        at_most(&mut problems, "reason", self.reason.as_deref());
        problems.finish()
    }
}

/// Why an order is cancelled.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Reason {
    /// In the customer's words.
    #[param(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl Reason {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        at_most(&mut problems, "reason", self.reason.as_deref());
        problems.finish()
    }
}

/// A part of a long list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageWish {
    /// From 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000)]
    pub(super) page: i64,
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 100)]
    pub(super) size: i64,
}

fn ten() -> i64 {
    10
}

impl PageWish {
    /// 400 that names all that is wrong.
    pub(super) fn check(self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let kept = (0..=LAST_PAGE).contains(&self.page);
        problems.check(kept, "page", self.page, "must be 0 to 1000000");
        let kept = (1..=LARGEST_PAGE).contains(&self.size);
        problems.check(kept, "size", self.size, "must be 1 to 100");
        problems.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn place(changed: &Value) -> Result<PlaceOrder, String> {
        let mut body = json!({"items": [], "shippingAddress": {"street": "Main 1",
            "city": "Springfield", "state": "IL", "zipCode": "62704", "country": "US"}});
        let fields = changed.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let wish: PlaceOrder = serde_json::from_value(body).map_err(|e| e.to_string())?;
        wish.check().map_err(|error| error.message().to_owned())?;
        Ok(wish)
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(place(&json!({})).is_ok());
        let item = json!({"productId": "A", "productName": "a", "unitPrice": 1, "quantity": 1});
        assert!(place(&json!({"items": [item]})).is_ok());
        let long = "x".repeat(501);
        let free = json!({"productId": "A", "productName": "a", "quantity": 101});
        for (changed, field) in [
            (json!({"notes": long}), "notes"),
            (json!({"items": [free]}), "items[0].price"),
            (json!({"items": [free]}), "items[0].quantity"),
            (json!({"items": vec![item; 51]}), "items"),
            (json!({"items": null}), "sequence"),
            (json!({"shippingAddress": {}}), "street"),
        ] {
            let message = place(&changed).unwrap_err();
            assert!(message.contains(field), "{field}: {message}");
        }
    }

    #[test]
    fn a_zip_code_has_five_or_nine_digits() {
        for zip in ["12345", "12345-6789"] {
            assert!(is_zip(zip), "{zip}");
        }
        for zip in [
            "",
            "1234",
            "123456",
            "12345-",
            "12345-678",
            "1234a",
            "12345-6789-",
        ] {
            assert!(!is_zip(zip), "{zip}");
        }
    }

    #[test]
    fn the_key_of_the_header_counts_before_that_of_the_body_and_neither_is_part_of_the_print() {
        let wish = place(&json!({"idempotencyKey": "b"})).unwrap();
        assert_eq!(wish.key(Some(b"h")).unwrap().as_deref(), Some("h"));
        assert_eq!(wish.key(None).unwrap().as_deref(), Some("b"));
        for bad in [&b""[..], b"a b", &[0xFF], &[b'x'; 201]] {
            assert_eq!(wish.key(Some(bad)).unwrap_err().status(), 400);
        }
        let plain = place(&json!({})).unwrap();
        assert_eq!(wish.fingerprint(), plain.fingerprint());
        let other = place(&json!({"notes": "ring twice"})).unwrap();
        assert_ne!(other.fingerprint(), plain.fingerprint());
    }
}
