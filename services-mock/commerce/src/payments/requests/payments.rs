//! Wishes to pay and to give back.

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::error::{ApiError, Problems};
use crate::money::Money;
use crate::order_id::OrderId;
use crate::payments::rules::{Currency, PaymentMethod};

const LONGEST_NAME: usize = 64;
const LONGEST_REFERENCE: usize = 200;
const LONGEST_TEXT: usize = 500;
const LONGEST_KEY: usize = 255;

/// A payment that is wished for, as it is written.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Pay {
    /// What is paid; an order is paid at most once.
    order_id: Option<OrderId>,
    #[schema(max_length = 64)]
    order_number: Option<String>,
    /// Who pays: users for themselves, administrators and services for anyone.
    #[schema(minimum = 1)]
    user_id: i64,
    /// At least 0.01.
    amount: Money,
    /// USD when it is missing.
    currency: Option<Currency>,
    /// CREDIT_CARD when it is missing.
    payment_method: Option<PaymentMethod>,
    /// The same as `paymentMethod`.
    method: Option<PaymentMethod>,
    #[schema(max_length = 500)]
    description: Option<String>,
    #[schema(max_length = 200)]
    payment_reference: Option<String>,
}

/// A payment that is wished for, as it is meant.
#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Charge {
    pub(in super::super) order_id: Option<OrderId>,
    pub(in super::super) order_number: Option<String>,
    pub(in super::super) user_id: i64,
    pub(in super::super) amount: Money,
    pub(in super::super) currency: Currency,
    pub(in super::super) method: PaymentMethod,
    pub(in super::super) description: Option<String>,
    pub(in super::super) reference: Option<String>,
}

impl Pay {
    /// 400 that names all that is wrong.
    pub(in super::super) fn read(self) -> Result<Charge, ApiError> {
        let mut problems = Problems::default();
        if let Some(order) = &self.order_id {
            problems.text("orderId", order.text(), OrderId::LONGEST);
        }
        let order_number = self.order_number.as_deref();
        at_most(&mut problems, "orderNumber", order_number, LONGEST_NAME);
        problems.check(self.user_id > 0, "userId", self.user_id, "must be above 0");
        at_least_a_cent(&mut problems, "amount", self.amount);
        let one_method = self.method.is_none() || self.payment_method.is_none();
        let one_method = one_method || self.method == self.payment_method;
        let rule = "must be the same as paymentMethod";
        problems.check(one_method, "method", self.method, rule);
        let description = self.description.as_deref();
        at_most(&mut problems, "description", description, LONGEST_TEXT);
        let reference = self.payment_reference.as_deref();
        at_most(
            &mut problems,
            "paymentReference",
            reference,
            LONGEST_REFERENCE,
        );
        problems.finish()?;
        let method = self.payment_method.or(self.method);
        Ok(Charge {
            order_id: self.order_id,
            order_number: self.order_number,
            user_id: self.user_id,
            amount: self.amount,
            currency: self.currency.unwrap_or(Currency::Usd),
            method: method.unwrap_or(PaymentMethod::CreditCard),
            description: self.description,
            reference: self.payment_reference,
        })
    }
}

impl Charge {
    /// Tells apart requests that use the same key.
    pub(in super::super) fn fingerprint(&self) -> String {
        fingerprint(self)
    }
}

/// Money that is to be given back.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Refund {
    /// That of the path again.
    pub(in super::super) payment_id: String,
    /// At least 0.01, at most what is left of the payment.
    pub(in super::super) refund_amount: Money,
    #[schema(max_length = 500)]
    pub(in super::super) reason: Option<String>,
}

impl Refund {
    /// 400 that names all that is wrong.
    pub(in super::super) fn check(&self, payment_id: &str) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let same = self.payment_id == payment_id;
        let rule = "must be that of the path";
        problems.check(same, "paymentId", &self.payment_id, rule);
        at_least_a_cent(&mut problems, "refundAmount", self.refund_amount);
        at_most(
            &mut problems,
            "reason",
            self.reason.as_deref(),
            LONGEST_TEXT,
        );
        problems.finish()
    }

    /// Tells apart requests that use the same key.
    pub(in super::super) fn fingerprint(&self) -> String {
        fingerprint(self)
    }
}

fn fingerprint(request: &impl Serialize) -> String {
    let text = serde_json::to_vec(request).unwrap_or_default();
    format!("{:x}", Sha256::digest(text))
}

fn at_least_a_cent(problems: &mut Problems, field: &str, amount: Money) {
    let shown = format_args!("{amount}");
    problems.check(
        amount > Money::cents(0),
        field,
        shown,
        "must be at least 0.01",
    );
}

fn at_most(problems: &mut Problems, field: &str, value: Option<&str>, longest: usize) {
    let value = value.unwrap_or_default();
    let kept = value.chars().count() <= longest;
    let rule = format!("must have at most {longest} characters");
    problems.check(kept, field, value, &rule);
}

/// The key under which repeating a request has no second effect. 400 when it is no key.
pub(in super::super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(given) = headers.get("Idempotency-Key") else {
        return Ok(None);
    };
    let given = given.as_bytes();
    let visible = given.iter().all(u8::is_ascii_graphic);
    let key = String::from_utf8_lossy(given).into_owned();
    let mut problems = Problems::default();
    let kept = visible && (1..=LONGEST_KEY).contains(&given.len());
    let rule = "must have 1 to 255 visible ASCII characters";
    problems.check(kept, "Idempotency-Key", &key, rule);
    problems.finish()?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pay(changed: &Value) -> Result<Charge, String> {
        let mut body = json!({"userId": 7, "amount": 15});
        let fields = changed.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let pay: Pay = serde_json::from_value(body).map_err(|e| e.to_string())?;
        pay.read().map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (changed, field) in [
            (
                json!({"amount": 0}),
                "amount must be at least 0.01, got 0.00",
            ),
            (json!({"amount": 0.001}), "two decimals"),
            (json!({"userId": 0}), "userId"),
            (json!({"orderId": " "}), "orderId"),
            (json!({"orderId": "x".repeat(65)}), "orderId"),
            (json!({"orderId": [1]}), "orderId"),
            (json!({"orderNumber": "x".repeat(65)}), "orderNumber"),
            (json!({"description": "x".repeat(501)}), "description"),
            (
                json!({"paymentReference": "x".repeat(201)}),
                "paymentReference",
            ),
            (json!({"currency": "CHF"}), "CHF"),
            (json!({"method": "UPI", "paymentMethod": "COD"}), "method"),
        ] {
            let message = pay(&changed).unwrap_err();
            assert!(message.contains(field), "{field}: {message}");
        }
    }

    #[test]
    fn what_is_missing_has_its_usual_meaning() {
        let plain = pay(&json!({})).unwrap();
        assert_eq!(
            (plain.currency, plain.method),
            (Currency::Usd, PaymentMethod::CreditCard)
        );
        for (said, same) in [
            (json!({"currency": "USD", "method": "CREDIT_CARD"}), true),
            (
                json!({"paymentMethod": "CREDIT_CARD", "method": "CREDIT_CARD"}),
                true,
            ),
            (json!({"paymentMethod": "UPI"}), false),
            (json!({"amount": 15.01}), false),
            (json!({"orderId": 7}), false),
        ] {
            let print = pay(&said).unwrap().fingerprint();
            assert_eq!(print == plain.fingerprint(), same, "{said}");
        }
    }

    #[test]
    fn a_key_is_short_and_visible() {
        let read = |bytes: &[u8]| {
            let value = http::HeaderValue::from_bytes(bytes).unwrap();
            idempotency_key(
                &[("idempotency-key".parse().unwrap(), value)]
                    .into_iter()
                    .collect(),
            )
        };
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read(b"order-7").unwrap().as_deref(), Some("order-7"));
        assert!(read(&[b'x'; 255]).is_ok());
        for bad in [&b""[..], b"a b", &[0xFF], &[b'x'; 256]] {
            assert_eq!(read(bad).unwrap_err().status(), 400);
        }
    }
}
