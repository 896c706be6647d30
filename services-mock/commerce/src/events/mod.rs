//! What services tell each other after the fact: appended to the outbox in the transaction that
//! made it true, relayed at least once, told apart by the receiver.

pub(crate) mod relay;
pub(crate) mod streams;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use crate::settings::ServiceName;
use crate::store::{Tx, next_id};
use crate::trace::Trace;

/// An event as it travels.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Unique over all services: `<service>:<number>`. A receiver sees it more than once.
    pub id: String,
    /// Such as `order-events`.
    pub topic: String,
    /// Such as `ORDER_CREATED`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about, such as the order's number.
    pub subject: String,
    /// The trace of the request that caused it.
    pub trace_id: String,
    /// When it became true, milliseconds since 1970.
    pub occurred_ms: i64,
    /// What the type defines.
    pub payload: Value,
}

/// An event that is to be told.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent<'a> {
    pub(crate) topic: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) subject: String,
    pub(crate) payload: Value,
}

/// Appends to the outbox. The last statement of a transaction, since every later writer waits for
/// it; call `state.wake.tasks()` after the commit.
pub(crate) async fn append(
    tx: &mut Tx,
    now_ms: i64,
    trace: &Trace,
    event: NewEvent<'_>,
) -> sqlx::Result<()> {
    let id = next_id(tx, "outbox").await?;
    sqlx::query(
        "INSERT INTO outbox (id, topic, kind, subject, trace_id, payload, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(event.topic)
    .bind(event.kind)
    .bind(event.subject)
    .bind(trace.id())
    .bind(event.payload.to_string())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether a received event is new; in the transaction that deals with it.
pub(crate) async fn is_first_time(tx: &mut Tx, event_id: &str, now_ms: i64) -> sqlx::Result<bool> {
    let noted = sqlx::query(
        "INSERT INTO seen_events (id, seen_ms) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
    )
    .bind(event_id)
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Reads a row of the outbox.
pub(crate) fn from_row(row: &AnyRow, service: ServiceName) -> sqlx::Result<(i64, Event)> {
    let number: i64 = row.try_get("id")?;
    let payload: String = row.try_get("payload")?;
    let event = Event {
        id: format!("{service}:{number}"),
        topic: row.try_get("topic")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        trace_id: row.try_get("trace_id")?,
        occurred_ms: row.try_get("created_ms")?,
        // Written by `append` alone; what cannot be read is told without its payload.
        payload: serde_json::from_str(&payload).unwrap_or_default(),
    };
    Ok((number, event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each_store;

    #[tokio::test]
    async fn an_event_is_new_once_and_again_after_a_rollback() {
        on_each_store(ServiceName::Notification, async |shop| {
            let store = &shop.state().store;
            let mut tx = store.begin().await.unwrap();
            assert!(is_first_time(&mut tx, "order-service:1", 0).await.unwrap());
            assert!(!is_first_time(&mut tx, "order-service:1", 0).await.unwrap());
            tx.rollback().await.unwrap();
            let mut tx = store.begin().await.unwrap();
            assert!(is_first_time(&mut tx, "order-service:1", 0).await.unwrap());
        })
        .await;
    }
}
