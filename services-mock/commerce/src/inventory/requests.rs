//! What requests must look like.

use serde::Deserialize;
use utoipa::ToSchema;

use super::rules::ProductStatus;
use crate::error::{ApiError, Problems};
use crate::money::Money;
use crate::order_id::OrderId;

/// No count in this service is larger, so that sums over all rows fit an `i64`.
pub(super) const MOST: i64 = 1_000_000_000;
const LONGEST_SKU: usize = 64;
const LONGEST_NAME: usize = 200;
const LONGEST_TEXT: usize = 2000;
const LONGEST_REASON: usize = 500;
const HEAVIEST_KG: f64 = 100_000.0;
const DAY_MINUTES: i64 = 1440;

/// A product that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct NewProduct {
    #[schema(min_length = 1, max_length = 64)]
    pub(super) sku: String,
    #[schema(min_length = 1, max_length = 200)]
    pub(super) name: String,
    #[schema(max_length = 2000)]
    pub(super) description: Option<String>,
    #[schema(min_length = 1, max_length = 64)]
    pub(super) category: String,
    #[schema(max_length = 200)]
    pub(super) brand: Option<String>,
    /// At least 0.01.
    pub(super) price: Money,
    /// Kilograms, kept to the gram.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100_000)]
    pub(super) weight: f64,
    #[serde(default = "active")]
    pub(super) status: ProductStatus,
}

fn active() -> ProductStatus {
    ProductStatus::Active
}

impl NewProduct {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        problems.text("sku", &self.sku, LONGEST_SKU);
        problems.text("name", &self.name, LONGEST_NAME);
        problems.text("category", &self.category, LONGEST_SKU);
        at_most(&mut problems, "brand", self.brand.as_deref(), LONGEST_NAME);
        let description = self.description.as_deref();
        at_most(&mut problems, "description", description, LONGEST_TEXT);
        let costs = self.price > Money::cents(0);
        problems.check(
            costs,
            "price",
            format_args!("{}", self.price),
            "must be at least 0.01",
        );
        let weighs = (0.0..=HEAVIEST_KG).contains(&self.weight);
        problems.check(weighs, "weight", self.weight, "must be 0 to 100000 kg");
        problems.finish()
    }

    /// The weight as the store keeps it.
    #[allow(clippy::cast_possible_truncation, reason = "checked to be small")]
    pub(super) fn weight_grams(&self) -> i64 {
        (self.weight * 1000.0).round() as i64
    }
}

/// Stock of a product in a warehouse that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewItem {
    #[serde(alias = "sku")]
    #[schema(min_length = 1, max_length = 64)]
    pub(super) product_sku: String,
    #[schema(min_length = 1, max_length = 64)]
    pub(super) warehouse_location: String,
    /// All of it is for sale at first.
    #[serde(alias = "availableQuantity", alias = "quantity")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub(super) total_quantity: i64,
    /// At this or below the stock is low.
    #[serde(alias = "minimumStockLevel", default = "ten")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub(super) min_stock_level: i64,
    #[serde(alias = "maximumStockLevel", default = "most")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub(super) max_stock_level: i64,
    #[serde(default = "ten")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub(super) reorder_point: i64,
    #[serde(default = "ten")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub(super) reorder_quantity: i64,
}

fn ten() -> i64 {
    10
}

fn most() -> i64 {
    MOST
}

impl NewItem {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        problems.text("productSku", &self.product_sku, LONGEST_SKU);
        let warehouse = &self.warehouse_location;
        problems.text("warehouseLocation", warehouse, LONGEST_SKU);
        for (field, value) in [
            ("totalQuantity", self.total_quantity),
            ("minStockLevel", self.min_stock_level),
            ("maxStockLevel", self.max_stock_level),
            ("reorderPoint", self.reorder_point),
            ("reorderQuantity", self.reorder_quantity),
        ] {
            let kept = (0..=MOST).contains(&value);
            problems.check(kept, field, value, "must be 0 to 1000000000");
        }
        let ordered = self.min_stock_level <= self.max_stock_level;
        let rule = "must not be below minStockLevel";
        problems.check(ordered, "maxStockLevel", self.max_stock_level, rule);
        problems.finish()
    }
}

/// A question whether so much can be had.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    #[schema(min_length = 1, max_length = 64)]
    pub(super) product_sku: String,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub(super) quantity: i64,
    /// Any warehouse when it is missing.
    pub(super) warehouse_location: Option<String>,
}

impl Check {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let warehouse = self.warehouse_location.as_deref();
        check_wish(&mut problems, &self.product_sku, self.quantity, warehouse);
        problems.finish()
    }
}

/// A wish for stock to be held for a line of an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reserve {
    pub(super) order_id: OrderId,
    #[schema(min_length = 1, max_length = 64)]
    pub(super) product_sku: String,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub(super) quantity: i64,
    /// The first with enough when it is missing.
    pub(super) warehouse_location: Option<String>,
    /// Minutes until the stock is for sale again unless it was confirmed.
    #[serde(default = "half_an_hour")]
    #[schema(minimum = 1, maximum = 1440)]
    pub(super) reservation_duration_minutes: i64,
}

fn half_an_hour() -> i64 {
    30
}

impl Reserve {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        problems.text("orderId", self.order_id.text(), OrderId::LONGEST);
        let warehouse = self.warehouse_location.as_deref();
        check_wish(&mut problems, &self.product_sku, self.quantity, warehouse);
        let minutes = self.reservation_duration_minutes;
        let kept = (1..=DAY_MINUTES).contains(&minutes);
        let field = "reservationDurationMinutes";
        problems.check(kept, field, minutes, "must be 1 to 1440");
        problems.finish()
    }

    /// When the reservation ends by itself.
    pub(super) fn expires_ms(&self, now_ms: i64) -> i64 {
        now_ms + self.reservation_duration_minutes * 60_000
    }
}

/// A correction of what lies in a warehouse.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Adjust {
    #[schema(min_length = 1, max_length = 64)]
    pub(super) product_sku: String,
    /// What is added; below 0 what is taken away. Not 0.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub(super) quantity_adjustment: i64,
    /// The first that can take it when it is missing.
    pub(super) warehouse_location: Option<String>,
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
    /// Adjustments with the same reference are one and the same, so that a caller who does not know
    /// whether one was done may send it again.
    #[schema(max_length = 64)]
    pub(super) reference: Option<String>,
}

impl Adjust {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let warehouse = self.warehouse_location.as_deref();
        check_place(&mut problems, &self.product_sku, warehouse);
        let quantity = self.quantity_adjustment;
        let kept = quantity != 0 && (-MOST..=MOST).contains(&quantity);
        let rule = "must be -1000000000 to 1000000000 and not 0";
        problems.check(kept, "quantityAdjustment", quantity, rule);
        at_most(
            &mut problems,
            "reason",
            self.reason.as_deref(),
            LONGEST_REASON,
        );
        if let Some(reference) = &self.reference {
            problems.text("reference", reference, LONGEST_SKU);
        }
        problems.finish()
    }
}

fn check_wish(problems: &mut Problems, sku: &str, quantity: i64, warehouse: Option<&str>) {
    check_place(problems, sku, warehouse);
    let kept = (1..=MOST).contains(&quantity);
    problems.check(kept, "quantity", quantity, "must be 1 to 1000000000");
}

fn check_place(problems: &mut Problems, sku: &str, warehouse: Option<&str>) {
    problems.text("productSku", sku, LONGEST_SKU);
    if let Some(warehouse) = warehouse {
        problems.text("warehouseLocation", warehouse, LONGEST_SKU);
    }
}

fn at_most(problems: &mut Problems, field: &str, value: Option<&str>, longest: usize) {
    let Some(value) = value else { return };
    let kept = value.chars().count() <= longest;
    let rule = format!("must have at most {longest} characters");
    problems.check(kept, field, value, &rule);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn reserve(changed: &Value) -> Result<(), String> {
        let mut body = json!({"orderId": 7, "productSku": "A", "quantity": 1});
        let fields = changed.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let wish: Reserve = serde_json::from_value(body).map_err(|e| e.to_string())?;
        wish.check().map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_wish_within_its_bounds_is_accepted_and_holds_for_half_an_hour() {
        assert_eq!(reserve(&json!({})), Ok(()));
        let body = json!({"orderId": "A-1", "productSku": "A", "quantity": 1});
        let wish: Reserve = serde_json::from_value(body).unwrap();
        assert_eq!(wish.expires_ms(5), 1_800_005);
    }

    #[test]
    fn a_wish_beyond_its_bounds_names_the_field() {
        for (field, value) in [
            ("orderId", json!("")),
            ("orderId", json!("x".repeat(65))),
            ("productSku", json!(" ")),
            ("quantity", json!(0)),
            ("quantity", json!(MOST + 1)),
            ("warehouseLocation", json!("")),
            ("reservationDurationMinutes", json!(0)),
            ("reservationDurationMinutes", json!(1441)),
        ] {
            let message = reserve(&json!({field: value})).unwrap_err();
            assert!(message.starts_with(field), "{field}: {message}");
        }
    }

    #[test]
    fn a_product_must_cost_and_weigh_something_possible() {
        let product = |price: f64, weight: f64| {
            let body = json!({"sku": "A", "name": "a", "category": "c",
                              "price": price, "weight": weight});
            serde_json::from_value::<NewProduct>(body).unwrap()
        };
        assert!(product(0.01, 0.0).check().is_ok());
        assert_eq!(product(1.0, 1.2346).weight_grams(), 1235);
        for wrong in [product(0.0, 1.0), product(1.0, -0.1), product(1.0, 1e6)] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn levels_of_stock_are_in_order() {
        let body = json!({"sku": "A", "warehouseLocation": "W", "quantity": 1,
                          "minStockLevel": 5, "maxStockLevel": 4});
        let item: NewItem = serde_json::from_value(body).unwrap();
        assert!(
            item.check()
                .unwrap_err()
                .message()
                .starts_with("maxStockLevel")
        );
    }

    #[test]
    fn an_adjustment_changes_something() {
        let adjust = |quantity: i64| {
            let body = json!({"productSku": "A", "quantityAdjustment": quantity});
            serde_json::from_value::<Adjust>(body).unwrap().check()
        };
        assert!(adjust(-1).is_ok() && adjust(MOST).is_ok());
        assert!(adjust(0).is_err() && adjust(-MOST - 1).is_err());
    }
}
