//! SQL of notifications, their deliveries and the addresses of users.

pub(crate) mod contacts;
pub(crate) mod queries;

pub(crate) mod changes;
pub(crate) mod deliveries;
pub(crate) mod upkeep;

use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::names::{Channel, NotificationStatus, NotificationType, Priority, from_column};
use super::wire;
use crate::events;
use crate::state::AppState;
use crate::store::{Tx, next_id, next_ids};
use crate::trace::Trace;

/// What somebody is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) id: i64,
    pub(crate) status: NotificationStatus,
    /// Why it came to its status, where something went wrong or somebody said so.
    pub(crate) reason: Option<String>,
    pub(crate) sent_ms: Option<i64>,
    pub(crate) delivered_ms: Option<i64>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) trace_id: String,
    pub(crate) content: Content,
}

/// What stays as it was when the notification was made.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) user_id: i64,
    /// The address that is remembered of the user when it is missing.
    pub(crate) user_email: Option<String>,
    pub(crate) user_phone: Option<String>,
    pub(crate) kind: NotificationType,
    pub(crate) title: String,
    pub(crate) message: String,
    pub(crate) channels: Vec<Channel>,
    pub(crate) priority: Priority,
    pub(crate) metadata: Map<String, Value>,
    /// The name of the template that the texts come from.
    pub(crate) template: Option<String>,
    /// Tries after the first.
    pub(crate) max_retries: i64,
    /// At once when it is missing.
    pub(crate) scheduled_ms: Option<i64>,
    pub(crate) expires_ms: Option<i64>,
}

/// What is sent on one channel.
#[derive(Clone, Debug)]
pub(crate) struct NewDelivery {
    pub(crate) channel: Channel,
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// Saves the notification with its deliveries and the event of it; call `state.wake.tasks()` after
/// the commit.
pub(crate) async fn insert(
    tx: &mut Tx,
    now_ms: i64,
    trace: &Trace,
    content: &Content,
    deliveries: &[NewDelivery],
) -> sqlx::Result<Notification> {
    let id = next_id(tx, "notification").await?;
    let notification = insert_row(tx, id, now_ms, trace, content).await?;
    insert_deliveries(tx, &notification, deliveries).await?;
    let event = wire::event(&notification, "NOTIFICATION_CREATED");
    events::append(tx, now_ms, trace, event).await?;
    Ok(notification)
}

async fn insert_row(
    tx: &mut Tx,
    id: i64,
    now_ms: i64,
    trace: &Trace,
    content: &Content,
) -> sqlx::Result<Notification> {
    let row = sqlx::query(
        "INSERT INTO notifications (id, user_id, user_email, user_phone, kind, title, message,
            channels, priority, status, metadata, template, max_retries, scheduled_ms, expires_ms,
            trace_id, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING', $10, $11, $12, $13, $14, $15, $16,
            $16)
         RETURNING *",
    )
    .bind(id)
    .bind(content.user_id)
    .bind(content.user_email.clone())
    .bind(content.user_phone.clone())
    .bind(content.kind.name())
    .bind(&content.title)
    .bind(&content.message)
    .bind(joined(&content.channels))
    .bind(content.priority.name())
    .bind(Value::Object(content.metadata.clone()).to_string())
    .bind(content.template.clone())
    .bind(content.max_retries)
    .bind(content.scheduled_ms)
    .bind(content.expires_ms)
    .bind(trace.id())
    .bind(now_ms)
    .fetch_one(&mut **tx)
    .await?;
    from_row(&row)
}

async fn insert_deliveries(
    tx: &mut Tx,
    notification: &Notification,
    deliveries: &[NewDelivery],
) -> sqlx::Result<()> {
    let content = &notification.content;
    let count = i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
    let first = next_ids(tx, "delivery", count).await?;
    let now_ms = notification.created_ms;
    for (id, delivery) in (first..).zip(deliveries) {
        sqlx::query(
            "INSERT INTO deliveries (id, notification_id, user_id, kind, channel, subject, body,
                status, attempts, most_attempts, owner, lease_until_ms, next_try_ms, created_ms,
                updated_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'PENDING', 0, $8, '', 0, $9, $10, $10)",
        )
        .bind(id)
        .bind(notification.id)
        .bind(content.user_id)
        .bind(content.kind.name())
        .bind(delivery.channel.name())
        .bind(&delivery.subject)
        .bind(&delivery.body)
        .bind(1 + content.max_retries)
        .bind(content.scheduled_ms.unwrap_or(now_ms).max(now_ms))
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

fn joined(channels: &[Channel]) -> String {
    let names: Vec<_> = channels.iter().map(|channel| channel.name()).collect();
    names.join(",")
}

/// The trace of the request or event that caused the notification.
pub(crate) fn trace_of(state: &AppState, notification: &Notification) -> Trace {
    Trace::from_id(&notification.trace_id).unwrap_or_else(|| Trace::fresh(&state.ids))
}

fn from_row(row: &AnyRow) -> sqlx::Result<Notification> {
    let maybe_ms = |column| row.try_get::<Option<i64>, _>(column);
    Ok(Notification {
        id: row.try_get("id")?,
        status: from_column(row, "status", NotificationStatus::from_name)?,
        reason: row.try_get("reason")?,
        sent_ms: maybe_ms("sent_ms")?,
        delivered_ms: maybe_ms("delivered_ms")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        trace_id: row.try_get("trace_id")?,
        content: content_from_row(row)?,
    })
}

fn content_from_row(row: &AnyRow) -> sqlx::Result<Content> {
    let maybe_ms = |column| row.try_get::<Option<i64>, _>(column);
    let channels: String = row.try_get("channels")?;
    let metadata: String = row.try_get("metadata")?;
    let metadata = serde_json::from_str(&metadata);
    Ok(Content {
        user_id: row.try_get("user_id")?,
        user_email: row.try_get("user_email")?,
        user_phone: row.try_get("user_phone")?,
        kind: from_column(row, "kind", NotificationType::from_name)?,
        title: row.try_get("title")?,
        message: row.try_get("message")?,
        channels: channels.split(',').filter_map(Channel::from_name).collect(),
        priority: from_column(row, "priority", Priority::from_name)?,
        metadata: metadata.map_err(|cause| sqlx::Error::Decode(cause.into()))?,
        template: row.try_get("template")?,
        max_retries: row.try_get("max_retries")?,
        scheduled_ms: maybe_ms("scheduled_ms")?,
        expires_ms: maybe_ms("expires_ms")?,
    })
}
