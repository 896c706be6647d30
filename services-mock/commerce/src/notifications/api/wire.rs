//! Notifications and deliveries as clients see them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::names::{
    Channel, DeliveryStatus, NotificationStatus, NotificationType, Priority,
};
use super::super::store::Notification;
use super::super::store::deliveries::Delivery;
use super::super::store::queries::Count;
use crate::clock::iso_local;

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NotificationBody {
    id: i64,
    /// 0 is SYSTEM.
    user_id: i64,
    user_email: Option<String>,
    user_phone: Option<String>,
    #[serde(rename = "type")]
    kind: NotificationType,
    title: String,
    message: String,
    channels: Vec<Channel>,
    priority: Priority,
    status: NotificationStatus,
    /// Why it came to its status, where something went wrong or somebody said so.
    reason: Option<String>,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    template_id: Option<String>,
    /// ISO 8601 without zone, UTC, like all times here.
    scheduled_at: Option<String>,
    expires_at: Option<String>,
    sent_at: Option<String>,
    delivered_at: Option<String>,
    max_retries: i64,
    created_at: String,
    updated_at: String,
}

impl From<Notification> for NotificationBody {
    fn from(notification: Notification) -> NotificationBody {
        let content = notification.content;
        NotificationBody {
            id: notification.id,
            user_id: content.user_id,
            user_email: content.user_email,
            user_phone: content.user_phone,
            kind: content.kind,
            title: content.title,
            message: content.message,
            channels: content.channels,
            priority: content.priority,
            status: notification.status,
            reason: notification.reason,
            metadata: content.metadata,
            template_id: content.template,
            scheduled_at: content.scheduled_ms.map(iso_local),
            expires_at: content.expires_ms.map(iso_local),
            sent_at: notification.sent_ms.map(iso_local),
            delivered_at: notification.delivered_ms.map(iso_local),
            max_retries: content.max_retries,
            created_at: iso_local(notification.created_ms),
            updated_at: iso_local(notification.updated_ms),
        }
    }
}

/// A notification on one channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryBody {
    id: i64,
    notification_id: i64,
    channel: Channel,
    status: DeliveryStatus,
    /// Where it was sent; none before the first try.
    recipient: Option<String>,
    subject: String,
    body: String,
    attempts: i64,
    max_attempts: i64,
    /// What came of the last try, if it was not well; also why it is held or was rejected.
    last_error: Option<String>,
    /// ISO 8601 without zone, UTC; of one that is not done.
    next_try_at: Option<String>,
    sent_at: Option<String>,
    delivered_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> DeliveryBody {
        let open = delivery.status.is_open();
        DeliveryBody {
            id: delivery.id,
            notification_id: delivery.notification_id,
            channel: delivery.channel,
            status: delivery.status,
            recipient: delivery.recipient,
            subject: delivery.subject,
            body: delivery.body,
            attempts: delivery.attempts,
            max_attempts: delivery.most_attempts,
            last_error: delivery.last_error,
            next_try_at: open.then(|| iso_local(delivery.next_try_ms)),
            sent_at: delivery.sent_ms.map(iso_local),
            delivered_at: delivery.delivered_ms.map(iso_local),
            created_at: iso_local(delivery.created_ms),
            updated_at: iso_local(delivery.updated_ms),
        }
    }
}

/// A user's notifications, counted.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsBody {
    total: i64,
    #[schema(value_type = Object)]
    by_status: BTreeMap<&'static str, i64>,
    #[schema(value_type = Object)]
    by_type: BTreeMap<&'static str, i64>,
}

impl StatsBody {
    /// Adds the counts up.
    pub(super) fn new(counts: &[Count]) -> StatsBody {
        let mut body = StatsBody::default();
        for one in counts {
            body.total += one.count;
            *body.by_status.entry(one.status.name()).or_default() += one.count;
            *body.by_type.entry(one.kind.name()).or_default() += one.count;
        }
        body
    }
}

/// How a user's notifications stand.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SummaryBody {
    total: i64,
    /// PENDING or PROCESSING.
    open: i64,
    /// SENT or DELIVERED.
    sent: i64,
    failed: i64,
    /// CANCELLED or EXPIRED.
    dropped: i64,
    /// Made in the last 24 hours.
    last_day: i64,
}

impl SummaryBody {
    /// Adds the counts up.
    pub(super) fn new(counts: &[Count]) -> SummaryBody {
        use NotificationStatus::*;
        let mut body = SummaryBody::default();
        for one in counts {
            body.total += one.count;
            body.last_day += one.recent;
            let part = match one.status {
                Pending | Processing => &mut body.open,
                Sent | Delivered => &mut body.sent,
                Failed => &mut body.failed,
                Cancelled | Expired => &mut body.dropped,
            };
            *part += one.count;
        }
        body
    }
}

/// What became of events.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TakenBody {
    /// Notifications that were made.
    pub(super) notified: i64,
    /// Events that were dealt with before.
    pub(super) repeated: i64,
    /// Events of no interest here.
    pub(super) ignored: i64,
}

/// That the service works.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// Always `UP`.
    pub(super) status: &'static str,
    pub(super) service: &'static str,
}
