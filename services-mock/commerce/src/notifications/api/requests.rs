//! What requests about notifications must look like.

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::super::names::{Channel, NotificationStatus, NotificationType, Priority};
use super::super::webhook_url;
use crate::clock::parse_iso;
use crate::error::{ApiError, Problems};

const LONGEST_TITLE: usize = 255;
const LONGEST_MESSAGE: usize = 2000;
const LONGEST_NAME: usize = 100;
const LONGEST_PHONE: usize = 30;
const LONGEST_REASON: usize = 500;
const LONGEST_METADATA: usize = 8000;
const MOST_RETRIES: i64 = 5;
/// So far ahead a notification may be scheduled or expire: ten years.
const FARTHEST_MS: i64 = 10 * 365 * 86_400_000;

/// A notification that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateNotification {
    /// Counts only from administrators and services; everybody else notifies themselves.
    #[serde(default, deserialize_with = "user_number")]
    #[schema(value_type = Option<i64>, minimum = 0)]
    pub(super) user_id: Option<i64>,
    #[serde(rename = "type")]
    pub(super) kind: NotificationType,
    #[schema(min_length = 1, max_length = 255)]
    pub(super) title: String,
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) message: String,
    #[schema(min_items = 1, max_items = 5)]
    pub(super) channels: Vec<Channel>,
    /// NORMAL when it is missing.
    pub(super) priority: Option<Priority>,
    /// Counts only from administrators and services; everybody else has the address of the account.
    #[schema(max_length = 254)]
    pub(super) user_email: Option<String>,
    #[schema(max_length = 30)]
    pub(super) user_phone: Option<String>,
    /// Values for the template's variables; `webhookUrl` is where WEBHOOK goes.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) metadata: Map<String, Value>,
    /// The name of a template, which then says what is sent on the channels that it has.
    #[schema(max_length = 100)]
    pub(super) template_id: Option<String>,
    /// ISO 8601 without zone, UTC; at once when it is missing or past.
    pub(super) scheduled_at: Option<String>,
    /// ISO 8601 without zone, UTC.
    pub(super) expires_at: Option<String>,
    /// 3 when it is missing.
    #[schema(minimum = 0, maximum = 5)]
    pub(super) max_retries: Option<i64>,
}

/// Times of a notification, milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) scheduled_ms: Option<i64>,
    pub(super) expires_ms: Option<i64>,
}

/// A user's number, also where it is written as a text, as tokens have it.
fn user_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let number = number.filter(|number| *number >= 0);
    number
        .map(Some)
        .ok_or_else(|| de::Error::custom("userId must be a user's number"))
}

impl CreateNotification {
    /// 400 that names all that is wrong.
    pub(super) fn checked(&self, now_ms: i64) -> Result<Times, ApiError> {
        let mut problems = Problems::default();
        self.check_texts(&mut problems);
        self.check_addresses(&mut problems);
        let count = self.channels.len();
        let kept = (1..=Channel::ALL.len()).contains(&count);
        problems.check(kept, "channels", count, "must be 1 to 5");
        let retries = self.max_retries;
        let kept = retries.is_none_or(|retries| (0..=MOST_RETRIES).contains(&retries));
        problems.check(kept, "maxRetries", retries, "must be 0 to 5");
        let times = self.check_times(&mut problems, now_ms);
        problems.finish()?;
        Ok(times)
    }

    fn check_texts(&self, problems: &mut Problems) {
        problems.text("title", &self.title, LONGEST_TITLE);
        let one_line = !self.title.chars().any(char::is_control);
        problems.check(one_line, "title", &self.title, "must be one line");
        problems.text("message", &self.message, LONGEST_MESSAGE);
        if let Some(template) = &self.template_id {
            problems.text("templateId", template, LONGEST_NAME);
        }
        let length = Value::Object(self.metadata.clone()).to_string().len();
        let kept = length <= LONGEST_METADATA;
        problems.check(kept, "metadata", length, "must have at most 8000 bytes");
    }

    fn check_addresses(&self, problems: &mut Problems) {
        let email = self.user_email.as_deref();
        let kept = email.is_none_or(|email| email.parse::<lettre::Address>().is_ok());
        problems.check(kept, "userEmail", email, "must be an e-mail address");
        if let Some(phone) = &self.user_phone {
            problems.text("userPhone", phone, LONGEST_PHONE);
        }
        if let Some(url) = self.metadata.get("webhookUrl") {
            let kept = url.as_str().is_some_and(webhook_url::is_usable);
            problems.check(kept, "metadata.webhookUrl", url, webhook_url::RULE);
        }
    }

    fn check_times(&self, problems: &mut Problems, now_ms: i64) -> Times {
        let mut time = |field, text: &Option<String>| {
            let read = text.as_deref().and_then(parse_iso);
            let near = read.is_none_or(|at_ms| at_ms <= now_ms + FARTHEST_MS);
            let rule = "must be ISO 8601 without zone, within ten years";
            problems.check(near && text.is_some() == read.is_some(), field, text, rule);
            read
        };
        let times = Times {
            scheduled_ms: time("scheduledAt", &self.scheduled_at),
            expires_ms: time("expiresAt", &self.expires_at),
        };
        let begins_ms = times.scheduled_ms.unwrap_or(now_ms).max(now_ms);
        let kept = times.expires_ms.is_none_or(|ends_ms| ends_ms > begins_ms);
        let rule = "must be after scheduledAt and after now";
        problems.check(kept, "expiresAt", &self.expires_at, rule);
        times
    }
}

/// A status that somebody wants.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct PutStatus {
    pub(super) status: NotificationStatus,
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl PutStatus {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        check_reason(self.reason.as_deref())
    }
}

/// Why a notification is cancelled.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Reason {
    /// In the caller's words.
    #[param(max_length = 500)]
    pub(super) reason: Option<String>,
}

impl Reason {
    /// 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        check_reason(self.reason.as_deref())
    }
}

fn check_reason(reason: Option<&str>) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    let kept = reason.is_none_or(|reason| reason.chars().count() <= LONGEST_REASON);
    problems.check(kept, "reason", reason, "must have at most 500 characters");
    problems.finish()
}

/// Whose notifications.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Whose {
    /// The caller when it is missing; somebody else's are for administrators and services. 0 is
    /// SYSTEM.
    pub(super) user_id: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::START_MS;
    use serde_json::json;

    fn create(changed: &Value) -> Result<Times, String> {
        let mut body = json!({"type": "WELCOME", "title": "t", "message": "m",
                              "channels": ["EMAIL"]});
        let fields = changed.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let wish: CreateNotification = serde_json::from_value(body).map_err(|e| e.to_string())?;
        let checked = wish.checked(START_MS);
        checked.map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_wish_within_its_bounds_is_accepted() {
        for changed in [
            json!({}),
            json!({"userId": "7", "metadata": {"webhookUrl": "http://a/b"}, "maxRetries": 0}),
            json!({"userId": null, "title": "x".repeat(255), "message": "é".repeat(2000)}),
            json!({"scheduledAt": "2026-01-02T00:00:00", "expiresAt": "2026-01-03T00:00"}),
        ] {
            create(&changed).unwrap();
        }
    }

    #[test]
    fn a_wish_beyond_its_bounds_names_the_field() {
        for (field, value) in [
            ("title", json!("x".repeat(256))),
            ("title", json!("a\nb")),
            ("message", json!(" ")),
            ("message", json!("x".repeat(2001))),
            ("channels", json!([])),
            ("channels", json!(vec!["SMS"; 6])),
            ("userEmail", json!("nobody")),
            ("userPhone", json!("1".repeat(31))),
            ("userId", json!("x")),
            ("userId", json!(-1)),
            ("metadata", json!({"a": "x".repeat(8000)})),
            ("metadata", json!({"webhookUrl": "file:///etc/passwd"})),
            ("templateId", json!("")),
            ("maxRetries", json!(6)),
            ("scheduledAt", json!("tomorrow")),
            ("scheduledAt", json!("2099-01-01T00:00")),
            ("expiresAt", json!("2026-01-01T00:00")),
        ] {
            let message = create(&json!({field: value})).unwrap_err();
            assert!(message.contains(field), "{field}: {message}");
        }
        let early = json!({"scheduledAt": "2026-01-03T00:00", "expiresAt": "2026-01-02T00:00"});
        assert!(create(&early).unwrap_err().starts_with("expiresAt"));
    }
}
