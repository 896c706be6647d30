//! What requests must look like, and what they mean.

use http::{HeaderMap, Uri};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::order_id::{self, OrderId};
use super::rules::{Currency, DeliveryStatus, PaymentMethod, Topic};
use crate::error::{ApiError, Problems};
use crate::money::Money;
use crate::settings::Secret;

const LONGEST_NAME: usize = 64;
const LONGEST_REFERENCE: usize = 200;
const LONGEST_TEXT: usize = 500;
const LONGEST_KEY: usize = 255;
const LONGEST_URL: usize = 2000;
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;
const LARGEST_PAGE: i64 = 100;
const LAST_PAGE: i64 = 1_000_000;

/// A payment that is wished for, as it is written.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pay {
    /// What is paid; an order is paid at most once.
    #[schema(value_type = Option<order_id::Written>)]
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
pub(super) struct Charge {
    pub(super) order_id: Option<OrderId>,
    pub(super) order_number: Option<String>,
    pub(super) user_id: i64,
    pub(super) amount: Money,
    pub(super) currency: Currency,
    pub(super) method: PaymentMethod,
    pub(super) description: Option<String>,
    pub(super) reference: Option<String>,
}

impl Pay {
    /// 400 that names all that is wrong.
    pub(super) fn read(self) -> Result<Charge, ApiError> {
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
    pub(super) fn fingerprint(&self) -> String {
        fingerprint(self)
    }
}

/// Money that is to be given back.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refund {
    /// That of the path again.
    pub(super) payment_id: String,
    /// At least 0.01, at most what is left of the payment.
    pub(super) refund_amount: Money,
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl Refund {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self, payment_id: &str) -> Result<(), ApiError> {
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
    pub(super) fn fingerprint(&self) -> String {
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
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
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

/// A subscription that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct NewWebhook {
    /// `http://host[:port]/path`. There is no TLS here, so that https is refused.
    #[schema(max_length = 2000)]
    pub(super) url: String,
    /// Signs what is sent; never shown again.
    #[schema(value_type = String, min_length = 16, max_length = 128, format = Password)]
    #[serde(deserialize_with = "secret")]
    pub(super) secret: Secret,
    /// Which events are sent.
    #[schema(min_items = 1, max_items = 3)]
    pub(super) events: Vec<Topic>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

impl NewWebhook {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        if let Err(rule) = check_url(&self.url) {
            // An address may carry a password.
            problems.add_secret("url", rule);
        }
        let length = self.secret.reveal().chars().count();
        if !SECRET_LENGTHS.contains(&length) {
            problems.add_secret("secret", "must have 16 to 128 characters");
        }
        let count = self.events.len();
        let distinct = (1..count).all(|at| !self.events[..at].contains(&self.events[at]));
        let rule = "must be 1 to 3 different topics";
        problems.check(count > 0 && distinct, "events", count, rule);
        problems.finish()
    }
}

fn check_url(url: &str) -> Result<(), &'static str> {
    if url.len() > LONGEST_URL {
        return Err("must have at most 2000 characters");
    }
    let parsed: Uri = url.parse().map_err(|_| "must be http://host[:port]/path")?;
    match parsed.scheme_str() {
        Some("http") => {}
        Some("https") => return Err("must be http: this service has no TLS, https is refused"),
        _ => return Err("must be http://host[:port]/path"),
    }
    let authority = parsed
        .authority()
        .map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("must not carry a user name or password");
    }
    let named = parsed.host().is_some_and(|host| !host.is_empty());
    // A port that is no number reads as none.
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']'));
    if !named || has_port != parsed.port_u16().is_some_and(|port| port > 0) {
        return Err("must be http://host[:port]/path");
    }
    Ok(())
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

/// A part of the deliveries.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesWish {
    /// All when it is missing.
    pub(super) status: Option<DeliveryStatus>,
    /// From 0.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000)]
    page: i64,
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 100)]
    size: i64,
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

    /// Entries before the page.
    pub(super) fn offset(self) -> i64 {
        self.page * self.size
    }
}

impl DeliveriesWish {
    /// Which part it is.
    pub(super) fn page(self) -> PageWish {
        PageWish {
            page: self.page,
            size: self.size,
        }
    }
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

    #[test]
    fn a_webhook_goes_to_a_plain_http_address() {
        for url in [
            "http://localhost",
            "http://127.0.0.1:9000/hooks?a=b",
            "http://[::1]:80/",
            "http://[::1]/",
            "HTTP://shop.example.com/",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        let long = format!("http://a/{}", "x".repeat(2000));
        for url in [
            "",
            "/path",
            "localhost:80",
            "ftp://a/",
            "http://",
            "http://a:99999/",
            "http://a:/",
            "http://a:0/",
            "http://user:word@a/",
            "https://a/",
            "http://a b/",
            &long,
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_subscription_has_a_secret_and_topics_and_its_refusal_shows_neither_secret_nor_address() {
        let check = |url: &str, secret: &str, events: Value| {
            let body = json!({"url": url, "secret": secret, "events": events});
            let webhook: NewWebhook = serde_json::from_value(body).map_err(|e| e.to_string())?;
            webhook.check().map_err(|error| error.message().to_owned())
        };
        let (url, good) = ("http://a/", "0123456789abcdef");
        assert_eq!(
            check(url, good, json!(["payment-failed", "payment-refunded"])),
            Ok(())
        );
        for events in [
            json!([]),
            json!(["payment-failed", "payment-failed"]),
            json!(["all"]),
        ] {
            assert!(check(url, good, events.clone()).is_err(), "{events}");
        }
        let long = "x".repeat(129);
        for secret in ["0123456789abcde", &*long] {
            let said = check("http://me:hush@a/", secret, json!(["payment-failed"])).unwrap_err();
            assert!(!said.contains(secret) && !said.contains("hush"), "{said}");
        }
    }
}
