//! Who sends what: deliveries are claimed by a lease, and given back with what came of them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::changes::closed_by;
use super::{Notification, from_row as notification_from_row, trace_of};
use crate::events;
use crate::notifications::names::{Channel, DeliveryStatus, NotificationStatus, from_column};
use crate::notifications::preferences::rules::Limits;
use crate::notifications::preferences::store::{Key, hold_places, refusal};
use crate::notifications::status::settled;
use crate::notifications::wire;
use crate::state::AppState;
use crate::store::{Store, Tx};

/// A notification on one channel.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) notification_id: i64,
    pub(crate) channel: Channel,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// Where it was sent, once it was tried.
    pub(crate) recipient: Option<String>,
    pub(crate) status: DeliveryStatus,
    pub(crate) attempts: i64,
    pub(crate) most_attempts: i64,
    pub(crate) last_error: Option<String>,
    pub(crate) next_try_ms: i64,
    pub(crate) admitted_ms: Option<i64>,
    pub(crate) sent_ms: Option<i64>,
    pub(crate) delivered_ms: Option<i64>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// A delivery that this worker alone has until its lease runs out.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) delivery: Delivery,
    pub(crate) notification: Notification,
    /// Drawn for each claim, so that two tasks of one instance are two workers.
    owner: String,
}

/// What is noted of a claimed delivery.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) status: DeliveryStatus,
    pub(crate) error: Option<String>,
    pub(crate) recipient: Option<String>,
    /// When it is tried again, of one that stays PENDING.
    pub(crate) next_try_ms: Option<i64>,
    /// Whether this counts as a try.
    pub(crate) tried: bool,
}

/// Deliveries that are due and nobody works on, the longest due first.
pub(crate) async fn due(state: &AppState, limit: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT id FROM deliveries
         WHERE status IN ('PENDING', 'PROCESSING') AND next_try_ms <= $1 AND lease_until_ms <= $1
           AND EXISTS (SELECT 1 FROM notifications n WHERE n.id = deliveries.notification_id
                AND n.status IN ('PENDING', 'PROCESSING')
                AND (n.expires_ms IS NULL OR n.expires_ms > $1))
         ORDER BY next_try_ms, id LIMIT $2",
    )
    .bind(state.now_ms())
    .bind(limit)
    .fetch_all(state.store.pool())
    .await
}

/// Claims the delivery; none while somebody else has it, or when there is nothing to send any more.
pub(crate) async fn claim(state: &AppState, id: i64, lease_ms: i64) -> sqlx::Result<Option<Claim>> {
    let now_ms = state.now_ms();
    let owner = format!("{}/{}", state.settings.instance, state.ids.uuid());
    let mut tx = state.store.begin().await?;
    let Some(notification) = begin_processing(&mut tx, id, now_ms).await? else {
        return Ok(None);
    };
    let row = sqlx::query(
        "UPDATE deliveries SET status = 'PROCESSING', owner = $1, lease_until_ms = $2,
            attempts = attempts + 1, updated_ms = $3
         WHERE id = $4 AND status IN ('PENDING', 'PROCESSING') AND next_try_ms <= $3
           AND lease_until_ms <= $3
         RETURNING *",
    )
    .bind(&owner)
    .bind(now_ms + lease_ms)
    .bind(now_ms)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    tx.commit().await?;
    Ok(Some(Claim {
        delivery: from_row(&row)?,
        notification,
        owner,
    }))
}

/// Locks the notification, and moves it from PENDING to PROCESSING; none when it is closed.
async fn begin_processing(
    tx: &mut Tx,
    delivery: i64,
    now_ms: i64,
) -> sqlx::Result<Option<Notification>> {
    let row = sqlx::query(
        "UPDATE notifications SET status = 'PROCESSING',
            updated_ms = CASE WHEN status = 'PENDING' THEN $1 ELSE updated_ms END
         WHERE id = (SELECT notification_id FROM deliveries WHERE id = $2)
           AND status IN ('PENDING', 'PROCESSING') AND (expires_ms IS NULL OR expires_ms > $1)
         RETURNING *",
    )
    .bind(now_ms)
    .bind(delivery)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(notification_from_row).transpose()
}

/// Takes a place within the limits for the delivery, which keeps it over all its tries; why there
/// is none otherwise.
pub(crate) async fn admit(
    state: &AppState,
    claim: &Claim,
    limits: Limits,
) -> sqlx::Result<Option<String>> {
    let (key, now_ms) = (claim.key(), state.now_ms());
    let mut tx = state.store.begin().await?;
    hold_places(&mut tx, key, now_ms).await?;
    let refusal = refusal(&mut *tx, key, limits, now_ms).await?;
    if refusal.is_none() {
        sqlx::query("UPDATE deliveries SET admitted_ms = $1 WHERE id = $2 AND owner = $3")
            .bind(now_ms)
            .bind(claim.delivery.id)
            .bind(&claim.owner)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(refusal)
}

/// Notes what came of a claimed delivery, and of the notification when this was its last channel.
/// Nothing is noted when the lease ran out and somebody else has the delivery.
pub(crate) async fn record(state: &AppState, claim: &Claim, record: &Record) -> sqlx::Result<()> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let Some(notification) = lock(&mut tx, claim.notification.id).await? else {
        return Ok(());
    };
    let closed = record.status.is_open() && !notification.status.is_open();
    let end = Record {
        status: DeliveryStatus::Rejected,
        error: Some(closed_by(notification.status)),
        ..record.clone()
    };
    if !write(&mut tx, claim, if closed { &end } else { record }, now_ms).await? {
        return Ok(());
    }
    if notification.status.is_open() {
        settle(&mut tx, state, &notification, now_ms).await?;
    }
    tx.commit().await?;
    state.wake.tasks();
    Ok(())
}

async fn lock(tx: &mut Tx, id: i64) -> sqlx::Result<Option<Notification>> {
    let row = sqlx::query("UPDATE notifications SET status = status WHERE id = $1 RETURNING *")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(notification_from_row).transpose()
}

async fn write(tx: &mut Tx, claim: &Claim, record: &Record, now_ms: i64) -> sqlx::Result<bool> {
    let written = sqlx::query(
        "UPDATE deliveries SET status = $1, last_error = $2,
            recipient = COALESCE(CAST($3 AS TEXT), recipient),
            next_try_ms = COALESCE(CAST($4 AS BIGINT), next_try_ms),
            attempts = attempts - $5, owner = '', lease_until_ms = 0, updated_ms = $6,
            sent_ms = CASE WHEN $1 IN ('SENT', 'DELIVERED') THEN $6 ELSE sent_ms END,
            delivered_ms = CASE WHEN $1 = 'DELIVERED' THEN $6 ELSE delivered_ms END
         WHERE id = $7 AND owner = $8",
    )
    .bind(record.status.name())
    .bind(record.error.clone())
    .bind(record.recipient.clone())
    .bind(record.next_try_ms)
    .bind(i64::from(!record.tried))
    .bind(now_ms)
    .bind(claim.delivery.id)
    .bind(&claim.owner)
    .execute(&mut **tx)
    .await?;
    Ok(written.rows_affected() == 1)
}

async fn settle(
    tx: &mut Tx,
    state: &AppState,
    notification: &Notification,
    now_ms: i64,
) -> sqlx::Result<()> {
    let channels = of_notification_in(tx, notification.id).await?;
    let statuses: Vec<_> = channels.iter().map(|delivery| delivery.status).collect();
    let Some(status) = settled(&statuses) else {
        return Ok(());
    };
    let errors = channels
        .into_iter()
        .filter_map(|delivery| delivery.last_error);
    let reason = errors.into_iter().next();
    let failed = status == NotificationStatus::Failed;
    let row = sqlx::query(
        "UPDATE notifications SET status = $1, reason = COALESCE(CAST($2 AS TEXT), reason),
            updated_ms = $3,
            sent_ms = CASE WHEN $1 = 'FAILED' THEN sent_ms ELSE $3 END,
            delivered_ms = CASE WHEN $1 = 'DELIVERED' THEN $3 ELSE delivered_ms END
         WHERE id = $4 RETURNING *",
    )
    .bind(status.name())
    .bind(reason.filter(|_| failed))
    .bind(now_ms)
    .bind(notification.id)
    .fetch_one(&mut **tx)
    .await?;
    let changed = notification_from_row(&row)?;
    let event = wire::event(&changed, "NOTIFICATION_PROCESSED");
    events::append(tx, now_ms, &trace_of(state, &changed), event).await
}

const OF_NOTIFICATION: &str = "SELECT * FROM deliveries WHERE notification_id = $1 ORDER BY id";

async fn of_notification_in(tx: &mut Tx, id: i64) -> sqlx::Result<Vec<Delivery>> {
    let rows = sqlx::query(OF_NOTIFICATION).bind(id);
    let rows = rows.fetch_all(&mut **tx).await?;
    rows.iter().map(from_row).collect()
}

/// The deliveries of a notification; one for each channel at most.
pub(crate) async fn of_notification(store: &Store, id: i64) -> sqlx::Result<Vec<Delivery>> {
    let rows = sqlx::query(OF_NOTIFICATION).bind(id);
    let rows = rows.fetch_all(store.pool()).await?;
    rows.iter().map(from_row).collect()
}

impl Claim {
    /// What preferences and limits it falls under.
    pub(crate) fn key(&self) -> Key {
        Key {
            user_id: self.notification.content.user_id,
            kind: self.notification.content.kind,
            channel: self.delivery.channel,
        }
    }
}

fn from_row(row: &AnyRow) -> sqlx::Result<Delivery> {
    let maybe_ms = |column| row.try_get::<Option<i64>, _>(column);
    Ok(Delivery {
        id: row.try_get("id")?,
        notification_id: row.try_get("notification_id")?,
        channel: from_column(row, "channel", Channel::from_name)?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        recipient: row.try_get("recipient")?,
        status: from_column(row, "status", DeliveryStatus::from_name)?,
        attempts: row.try_get("attempts")?,
        most_attempts: row.try_get("most_attempts")?,
        last_error: row.try_get("last_error")?,
        next_try_ms: row.try_get("next_try_ms")?,
        admitted_ms: maybe_ms("admitted_ms")?,
        sent_ms: maybe_ms("sent_ms")?,
        delivered_ms: maybe_ms("delivered_ms")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
