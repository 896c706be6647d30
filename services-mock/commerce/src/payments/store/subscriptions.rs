//! Subscriptions of webhooks.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::requests::NewWebhook;
use super::super::rules::Topic;
use crate::named::known;
use crate::settings::Secret;
use crate::store::{Store, Tx};

/// Each event makes a delivery for every one of them.
pub(in super::super) const MOST: i64 = 50;

/// A subscription, without its secret.
#[derive(Clone, Debug)]
pub(in super::super) struct Subscription {
    pub(in super::super) id: i64,
    pub(in super::super) url: String,
    pub(in super::super) topics: Vec<Topic>,
    pub(in super::super) created_ms: i64,
}

/// How many there are.
pub(in super::super) async fn count(tx: &mut Tx) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COUNT(*) FROM webhooks")
        .fetch_one(&mut **tx)
        .await
}

/// Writes a subscription.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    id: i64,
    new: &NewWebhook,
    now_ms: i64,
) -> sqlx::Result<Subscription> {
    let topics = new.events.iter().map(|topic| topic.name());
    let row = sqlx::query(
        "INSERT INTO webhooks (id, url, secret, events, created_ms) VALUES ($1, $2, $3, $4, $5)
         RETURNING *",
    )
    .bind(id)
    .bind(&new.url)
    .bind(new.secret.reveal())
    .bind(topics.collect::<Vec<_>>().join(","))
    .bind(now_ms)
    .fetch_one(&mut **tx)
    .await?;
    from_row(&row)
}

/// All of them, the first first, seen in a transaction or from the pool.
pub(in super::super) async fn all(
    seen_by: impl sqlx::Executor<'_, Database = sqlx::Any>,
) -> sqlx::Result<Vec<Subscription>> {
    let rows = sqlx::query("SELECT * FROM webhooks ORDER BY id LIMIT $1")
        .bind(MOST)
        .fetch_all(seen_by)
        .await?;
    rows.iter().map(from_row).collect()
}

/// What signs the events of a subscription; none when it was deleted.
pub(in super::super) async fn secret(store: &Store, id: i64) -> sqlx::Result<Option<Secret>> {
    let secret: Option<String> = sqlx::query_scalar("SELECT secret FROM webhooks WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    Ok(secret.map(Secret::new))
}

/// Deletes a subscription; false when there is none.
pub(in super::super) async fn delete(tx: &mut Tx, id: i64) -> sqlx::Result<bool> {
    let deleted = sqlx::query("DELETE FROM webhooks WHERE id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

fn from_row(row: &AnyRow) -> sqlx::Result<Subscription> {
    let topics: String = row.try_get("events")?;
    let topics = topics.split(',').map(|name| known(name, Topic::from_name));
    Ok(Subscription {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        topics: topics.collect::<Result<_, _>>()?,
        created_ms: row.try_get("created_ms")?,
    })
}
