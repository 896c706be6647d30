//! Wishes to be told of events.

use http::Uri;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{ApiError, Problems};
use crate::payments::rules::Topic;
use crate::settings::Secret;

const LONGEST_URL: usize = 2000;
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;

/// A subscription that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct NewWebhook {
    /// `http://host[:port]/path`. There is no TLS here, so that https is refused.
    #[schema(max_length = 2000)]
    pub(in super::super) url: String,
    /// Signs what is sent; never shown again.
    #[schema(value_type = String, min_length = 16, max_length = 128, format = Password)]
    #[serde(deserialize_with = "secret")]
    pub(in super::super) secret: Secret,
    /// Which events are sent.
    #[schema(min_items = 1, max_items = 3)]
    pub(in super::super) events: Vec<Topic>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

impl NewWebhook {
    /// 400 that names all that is wrong.
    pub(in super::super) fn check(&self) -> Result<(), ApiError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
