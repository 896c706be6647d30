//! What requests about preferences must look like, and what they are answered with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::names::{Channel, NotificationType};
use super::super::webhook_url;
use super::rules::{parse_minute, write_minute};
use super::store::{Change, Key, Preference};
use crate::clock::iso_local;
use crate::error::{ApiError, Problems};

const MOST_PER_HOUR: i64 = 1000;
const MOST_PER_DAY: i64 = 10_000;
/// Types times channels.
const MOST_ENTRIES: usize = NotificationType::ALL.len() * Channel::ALL.len();

/// Wishes of a user; what is missing stays as it is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePreference {
    enabled: Option<bool>,
    quiet_hours_enabled: Option<bool>,
    /// UTC.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    quiet_hours_start: Option<String>,
    /// UTC; before the start means on the next day.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    quiet_hours_end: Option<String>,
    /// 0 means none at all.
    #[schema(minimum = 0, maximum = 1000)]
    max_per_hour: Option<i64>,
    #[schema(minimum = 0, maximum = 10_000)]
    max_per_day: Option<i64>,
    /// Where WEBHOOK goes, `http://…`; an empty one takes it away.
    #[schema(max_length = 500)]
    webhook_url: Option<String>,
}

/// Wishes about one type on one channel.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Entry {
    #[serde(rename = "type")]
    kind: NotificationType,
    channel: Channel,
    #[serde(flatten)]
    change: ChangePreference,
}

/// Many wishes at once: all are taken or none.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct BulkUpdate {
    #[schema(min_items = 1, max_items = 60)]
    preferences: Vec<Entry>,
}

impl ChangePreference {
    /// 400 that names all that is wrong.
    pub(crate) fn checked(&self) -> Result<Change, ApiError> {
        let mut problems = Problems::default();
        let change = self.read("", &mut problems);
        problems.finish()?;
        Ok(change)
    }

    fn read(&self, at: &str, problems: &mut Problems) -> Change {
        let mut minute = |field: &str, text: &Option<String>| {
            let read = text.as_deref().and_then(parse_minute);
            let kept = text.is_none() || read.is_some();
            problems.check(kept, &format!("{at}{field}"), text, "must be HH:MM");
            read
        };
        let quiet_start = minute("quietHoursStart", &self.quiet_hours_start);
        let quiet_end = minute("quietHoursEnd", &self.quiet_hours_end);
        for (field, value, most) in [
            ("maxPerHour", self.max_per_hour, MOST_PER_HOUR),
            ("maxPerDay", self.max_per_day, MOST_PER_DAY),
        ] {
            let kept = value.is_none_or(|value| (0..=most).contains(&value));
            let rule = format!("must be 0 to {most}");
            problems.check(kept, &format!("{at}{field}"), value, &rule);
        }
        let url = self.webhook_url.as_deref();
        let kept = url.is_none_or(|url| url.is_empty() || webhook_url::is_usable(url));
        let field = format!("{at}webhookUrl");
        problems.check(kept, &field, url, webhook_url::RULE);
        Change {
            enabled: self.enabled,
            quiet_on: self.quiet_hours_enabled,
            quiet_start,
            quiet_end,
            per_hour: self.max_per_hour,
            per_day: self.max_per_day,
            webhook_url: self.webhook_url.clone(),
        }
    }
}

impl BulkUpdate {
    /// What is to be changed of the user's; 400 that names all that is wrong. In an order that all
    /// requests have in common, so that two at once do not wait for each other.
    pub(crate) fn checked(self, user_id: i64) -> Result<Vec<(Key, Change)>, ApiError> {
        let mut problems = Problems::default();
        let count = self.preferences.len();
        let kept = (1..=MOST_ENTRIES).contains(&count);
        problems.check(kept, "preferences", count, "must be 1 to 60");
        let entries = self.preferences.iter().take(MOST_ENTRIES).enumerate();
        let changes = entries.map(|(at, entry)| {
            let key = Key {
                user_id,
                kind: entry.kind,
                channel: entry.channel,
            };
            let at = format!("preferences[{at}].");
            (key, entry.change.read(&at, &mut problems))
        });
        let mut changes: Vec<_> = changes.collect();
        problems.finish()?;
        changes.sort_by_key(|(key, _)| (key.kind, key.channel));
        Ok(changes)
    }
}

/// What a user wants of one type on one channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreferenceBody {
    user_id: i64,
    #[serde(rename = "type")]
    kind: NotificationType,
    channel: Channel,
    enabled: bool,
    quiet_hours_enabled: bool,
    /// UTC.
    quiet_hours_start: String,
    quiet_hours_end: String,
    max_per_hour: i64,
    max_per_day: i64,
    webhook_url: Option<String>,
    /// ISO 8601 without zone, UTC.
    created_at: String,
    updated_at: String,
}

impl From<Preference> for PreferenceBody {
    fn from(preference: Preference) -> PreferenceBody {
        let (key, wishes) = (preference.key, preference.wishes);
        PreferenceBody {
            user_id: key.user_id,
            kind: key.kind,
            channel: key.channel,
            enabled: wishes.enabled,
            quiet_hours_enabled: wishes.quiet_on,
            quiet_hours_start: write_minute(wishes.quiet.start),
            quiet_hours_end: write_minute(wishes.quiet.end),
            max_per_hour: wishes.limits.per_hour,
            max_per_day: wishes.limits.per_day,
            webhook_url: wishes.webhook_url,
            created_at: iso_local(preference.created_ms),
            updated_at: iso_local(preference.updated_ms),
        }
    }
}
