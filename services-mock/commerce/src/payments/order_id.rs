//! The order that a payment is for. The order service counts its orders, other clients name theirs;
//! 7 and "7" are the same order.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text, written as a number where it is one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct OrderId(String);

/// A whole number or a text of 1 to 64 characters
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "orderId must be a whole number or a text")]
pub(super) enum Written {
    Number(i64),
    Name(String),
}

impl OrderId {
    /// Characters.
    pub(super) const LONGEST: usize = 64;

    /// As the store keeps it.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The number that the order service knows the order by.
    pub(super) fn number(&self) -> Option<i64> {
        let number: i64 = self.0.parse().ok()?;
        // "007" is not the number 7.
        (number.to_string() == self.0).then_some(number)
    }
}

impl From<String> for OrderId {
    fn from(text: String) -> OrderId {
        OrderId(text)
    }
}

impl From<Written> for OrderId {
    fn from(written: Written) -> OrderId {
        match written {
            Written::Number(number) => OrderId(number.to_string()),
            Written::Name(name) => OrderId(name),
        }
    }
}

impl From<OrderId> for Written {
    fn from(id: OrderId) -> Written {
        match id.number() {
            Some(number) => Written::Number(number),
            None => Written::Name(id.0),
        }
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn numbers_and_names_are_read_and_written_alike() {
        for (given, text, written) in [
            (json!(7), "7", json!(7)),
            (json!("7"), "7", json!(7)),
            (json!("007"), "007", json!("007")),
            (json!("ORD-1"), "ORD-1", json!("ORD-1")),
        ] {
            let id: OrderId = serde_json::from_value(given).unwrap();
            assert_eq!(id.text(), text);
            assert_eq!(serde_json::to_value(&id).unwrap(), written);
        }
        for wrong in [json!(1.5), json!(null), json!([]), json!(true)] {
            let read = serde_json::from_value::<OrderId>(Value::clone(&wrong));
            assert!(read.is_err(), "{wrong}");
        }
    }
}
