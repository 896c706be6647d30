//! What the shop answers, as far as a shopper reads it. Fields that are not named here are ignored.

use serde::{Deserialize, Deserializer};

use crate::journeys::cents::Cents;
use crate::journeys::ledger::OrderLine;

/// A product of the inventory.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Product {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) category: Option<String>,
    pub(crate) price: Cents,
    status: Option<String>,
}

/// Products, as a list or as a page of a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Listing {
    List(Vec<Product>),
    Page {
        #[serde(alias = "products", alias = "items")]
        content: Vec<Product>,
    },
}

/// The answer of a log-in.
#[derive(Debug, Deserialize)]
pub(crate) struct LoggedIn {
    pub(crate) token: String,
    pub(crate) user: Option<User>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    #[serde(deserialize_with = "text_or_number")]
    pub(crate) id: String,
}

/// A cart.
#[derive(Debug, Deserialize)]
pub(crate) struct Cart {
    #[serde(default)]
    pub(crate) items: Vec<Item>,
}

/// A line of a cart or of an order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) product_id: String,
    #[serde(default)]
    pub(crate) product_name: String,
    #[serde(alias = "unitPrice")]
    pub(crate) price: Cents,
    pub(crate) quantity: u32,
}

/// An order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    #[serde(deserialize_with = "text_or_number")]
    pub(crate) id: String,
    pub(crate) order_number: Option<String>,
    #[serde(default)]
    pub(crate) items: Vec<Item>,
    pub(crate) total_amount: Cents,
    pub(crate) status: String,
}

/// The one field of an order that a look at it is for.
#[derive(Debug, Deserialize)]
pub(crate) struct OrderStatus {
    pub(crate) status: String,
}

/// The products that can be bought, by SKU, so that picks do not depend on the shop's order.
pub(crate) fn products(json: &[u8]) -> Option<Vec<Product>> {
    let (Listing::List(mut listed)
    | Listing::Page {
        content: mut listed,
    }) = serde_json::from_slice(json).ok()?;
    listed.retain(|product| product.is_for_sale());
    listed.sort_by(|one, other| one.sku.cmp(&other.sku));
    Some(listed)
}

impl Product {
    fn is_for_sale(&self) -> bool {
        let active = self.status.as_ref().is_none_or(|word| word == "ACTIVE");
        active && self.price > Cents(0)
    }
}

impl Item {
    pub(crate) fn line(&self) -> OrderLine {
        OrderLine {
            sku: self.product_id.clone(),
            quantity: self.quantity,
            price: self.price,
        }
    }
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_come_as_list_or_page_in_one_order_and_only_those_for_sale() {
        let list = r#"[{"sku":"B","name":"b","price":2,"status":"ACTIVE","x":1},
            {"sku":"A","name":"a","price":1.5,"category":"C"},
            {"sku":"D","name":"d","price":1,"status":"DISCONTINUED"},
            {"sku":"E","name":"e","price":0}]"#;
        let page = format!(r#"{{"content":{list},"totalPages":1}}"#);
        for json in [list, &page] {
            let products = products(json.as_bytes()).unwrap();
            let skus: Vec<&str> = products.iter().map(|p| p.sku.as_str()).collect();
            assert_eq!(skus, ["A", "B"]);
        }
        assert!(products(b"{}").is_none());
    }

    #[test]
    fn identifiers_are_texts_or_numbers() {
        let order = r#"{"id":7,"orderNumber":"ORD-1","items":[{"productId":"A","unitPrice":2.5,
            "quantity":2}],"totalAmount":5.0,"status":"PENDING"}"#;
        let order: Order = serde_json::from_str(order).unwrap();
        assert_eq!((order.id.as_str(), order.total_amount), ("7", Cents(500)));
        let logged_in = r#"{"token":"t","type":null,"user":{"id":"u-1"}}"#;
        let logged_in: LoggedIn = serde_json::from_str(logged_in).unwrap();
        assert_eq!(logged_in.user.unwrap().id, "u-1");
    }
}
