//! Fields of payloads, read from whatever another service wrote.

use serde_json::{Map, Value};

use crate::money::Money;

/// Characters of a value that are shown, so that every text keeps to its limits.
const LONGEST_SHOWN: usize = 100;
const LONGEST_EMAIL: usize = 254;

/// Fields as they are shown, or what is shown in their place.
pub(super) fn shown(payload: &Value, fields: &[(&str, &str)]) -> Map<String, Value> {
    let fields = fields.iter().map(|(field, default)| {
        let text = text(payload, field).unwrap_or_else(|| (*default).to_owned());
        ((*field).to_owned(), Value::from(text))
    });
    fields.collect()
}

/// A text or a number, shortened.
fn text(payload: &Value, field: &str) -> Option<String> {
    let text = match &payload[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let kept = text.chars().filter(|c| !c.is_control());
    let kept: String = kept.take(LONGEST_SHOWN).collect();
    (!kept.trim().is_empty()).then_some(kept)
}

/// The number that the customer knows, else the shop's own.
pub(super) fn order_number(payload: &Value) -> Value {
    let number = text(payload, "orderNumber").or_else(|| text(payload, "orderId"));
    Value::from(number.unwrap_or_else(|| "-".into()))
}

/// An amount of money with its cents.
pub(super) fn amount(payload: &Value, field: &str) -> Value {
    let read = serde_json::from_value::<Money>(payload[field].clone());
    Value::from(read.map_or_else(|_| "-".into(), |money| money.to_string()))
}

/// A whole number, also where it is written as a text.
pub(super) fn number(payload: &Value, field: &str) -> Option<i64> {
    match &payload[field] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// An e-mail address that mail can be sent to.
pub(super) fn address(payload: &Value, field: &str) -> Option<String> {
    let text = payload[field].as_str()?.trim();
    let usable = text.len() <= LONGEST_EMAIL && text.parse::<lettre::Address>().is_ok();
    usable.then(|| text.to_owned())
}
