//! The order that a reservation or a payment is for. The order service counts its orders, other
//! clients name theirs; 7 and "7" are the same order.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Text, written as a number where it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderId(String);

impl OrderId {
    /// Characters.
    pub(crate) const LONGEST: usize = 64;

    /// As the store keeps it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The number that the order service knows the order by. "007" is not the number 7.
    pub(crate) fn number(&self) -> Option<i64> {
        let number: i64 = self.0.parse().ok()?;
        (number.to_string() == self.0).then_some(number)
    }
}

impl From<String> for OrderId {
    fn from(text: String) -> OrderId {
        OrderId(text)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            Some(number) => serializer.serialize_i64(number),
            None => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OrderId, D::Error> {
        deserializer.deserialize_any(OrderIdVisitor)
    }
}

struct OrderIdVisitor;

impl Visitor<'_> for OrderIdVisitor {
    type Value = OrderId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a text as orderId")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OrderId, E> {
        Ok(OrderId(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OrderId, E> {
        Ok(OrderId(number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OrderId, E> {
        Ok(OrderId(text.to_owned()))
    }
}

impl PartialSchema for OrderId {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(OrderId::LONGEST));
        let either = OneOfBuilder::new().item(number).item(text);
        Schema::OneOf(either.build()).into()
    }
}

impl ToSchema for OrderId {}

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
            assert!(
                serde_json::from_value::<OrderId>(Value::clone(&wrong)).is_err(),
                "{wrong}"
            );
        }
    }
}
