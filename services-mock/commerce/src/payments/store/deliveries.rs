//! Events on their way to webhooks.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::requests::PageWish;
use super::super::rules::{DeliveryStatus, Topic};
use crate::named::known;
use crate::state::AppState;
use crate::store::{Store, Tx};

/// An event on its way to a webhook.
#[derive(Clone, Debug)]
pub(in super::super) struct Delivery {
    pub(in super::super) id: i64,
    /// The subscription, or [`STANDING`].
    pub(in super::super) webhook: i64,
    pub(in super::super) url: String,
    pub(in super::super) event_id: String,
    pub(in super::super) topic: Topic,
    pub(in super::super) payment_id: String,
    pub(in super::super) trace_id: String,
    /// What is sent, and signed.
    pub(in super::super) body: String,
    pub(in super::super) status: DeliveryStatus,
    /// Times that sending was begun.
    pub(in super::super) attempts: i64,
    /// Of the last answer.
    pub(in super::super) status_code: Option<i64>,
    /// Why the last attempt did not succeed.
    pub(in super::super) error: Option<String>,
    /// Of the attempt in progress.
    pub(super) owner: String,
    pub(in super::super) next_try_ms: i64,
    pub(in super::super) created_ms: i64,
    pub(in super::super) updated_ms: i64,
}

/// In place of a subscription: the webhook that the settings name.
pub(in super::super) const STANDING: i64 = 0;

/// A delivery that is to be written, due at once.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct NewDelivery<'a> {
    pub(in super::super) id: i64,
    pub(in super::super) webhook: i64,
    pub(in super::super) url: &'a str,
    pub(in super::super) event_id: &'a str,
    pub(in super::super) topic: Topic,
    pub(in super::super) payment_id: &'a str,
    pub(in super::super) trace_id: &'a str,
    pub(in super::super) body: &'a str,
}

/// Writes a delivery, in the transaction of its event.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    new: NewDelivery<'_>,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO deliveries (id, webhook, url, event_id, topic, payment_id, trace_id, body,
            status, attempts, owner, lease_until_ms, next_try_ms, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'PENDING', 0, '', 0, $9, $9, $9)",
    )
    .bind(new.id)
    .bind(new.webhook)
    .bind(new.url)
    .bind(new.event_id)
    .bind(new.topic.name())
    .bind(new.payment_id)
    .bind(new.trace_id)
    .bind(new.body)
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends what was still to be sent to a subscription that is deleted.
pub(in super::super) async fn end_of_webhook(
    tx: &mut Tx,
    webhook: i64,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE deliveries SET status = 'FAILED', owner = '', lease_until_ms = 0, updated_ms = $2,
            error = 'the subscription was deleted'
         WHERE webhook = $1 AND status = 'PENDING'",
    )
    .bind(webhook)
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Makes a delivery due with all its attempts before it; none when there is none, or while it is
/// being sent.
pub(in super::super) async fn renew(state: &AppState, id: i64) -> sqlx::Result<Option<Delivery>> {
    let row = sqlx::query(
        "UPDATE deliveries SET status = 'PENDING', attempts = 0, next_try_ms = $2, updated_ms = $2
         WHERE id = $1 AND lease_until_ms <= $2
         RETURNING *",
    )
    .bind(id)
    .bind(state.now_ms())
    .fetch_optional(state.store.pool())
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// The delivery of a number.
pub(in super::super) async fn by_id(store: &Store, id: i64) -> sqlx::Result<Option<Delivery>> {
    let row = sqlx::query("SELECT * FROM deliveries WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// A page of the deliveries of a status or of all, the latest first.
pub(in super::super) async fn list(
    store: &Store,
    status: Option<DeliveryStatus>,
    page: PageWish,
) -> sqlx::Result<Vec<Delivery>> {
    let rows = sqlx::query(
        "SELECT * FROM deliveries WHERE $1 = '' OR status = $1
         ORDER BY id DESC LIMIT $2 OFFSET $3",
    )
    .bind(status.map_or("", DeliveryStatus::name))
    .bind(page.size)
    .bind(page.offset())
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// How many deliveries have a status, or are there in all.
pub(in super::super) async fn count(
    store: &Store,
    status: Option<DeliveryStatus>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE $1 = '' OR status = $1")
        .bind(status.map_or("", DeliveryStatus::name))
        .fetch_one(store.pool())
        .await
}

/// Whether a delivery ended before the time.
pub(in super::super) async fn any_ended_before(
    store: &Store,
    before_ms: i64,
) -> sqlx::Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM deliveries WHERE status <> 'PENDING' AND updated_ms < $1 LIMIT 1",
    )
    .bind(before_ms)
    .fetch_optional(store.pool())
    .await?;
    Ok(found.is_some())
}

/// Deletes deliveries that ended before the time; how many.
pub(in super::super) async fn purge(
    store: &Store,
    before_ms: i64,
    limit: i64,
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "DELETE FROM deliveries WHERE id IN (
             SELECT id FROM deliveries WHERE status <> 'PENDING' AND updated_ms < $1
             ORDER BY updated_ms LIMIT $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

pub(super) fn from_row(row: &AnyRow) -> sqlx::Result<Delivery> {
    let text = |column| row.try_get::<String, _>(column);
    Ok(Delivery {
        id: row.try_get("id")?,
        webhook: row.try_get("webhook")?,
        url: text("url")?,
        event_id: text("event_id")?,
        topic: known(&text("topic")?, Topic::from_name)?,
        payment_id: text("payment_id")?,
        trace_id: text("trace_id")?,
        body: text("body")?,
        status: known(&text("status")?, DeliveryStatus::from_name)?,
        attempts: row.try_get("attempts")?,
        status_code: row.try_get("status_code")?,
        error: row.try_get("error")?,
        owner: text("owner")?,
        next_try_ms: row.try_get("next_try_ms")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
