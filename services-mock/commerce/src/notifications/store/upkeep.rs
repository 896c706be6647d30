//! What time alone brings about: notifications that nobody needs any more.

use super::{Notification, from_row};
use crate::store::{Store, Tx};

/// Open notifications whose time is over.
pub(crate) async fn overdue(
    store: &Store,
    now_ms: i64,
    limit: i64,
) -> sqlx::Result<Vec<Notification>> {
    let rows = sqlx::query(
        "SELECT * FROM notifications
         WHERE status IN ('PENDING', 'PROCESSING') AND expires_ms <= $1
         ORDER BY expires_ms LIMIT $2",
    )
    .bind(now_ms)
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// Closed notifications that were made before the time.
pub(crate) async fn closed_before(
    store: &Store,
    before_ms: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT id FROM notifications
         WHERE created_ms < $1 AND status NOT IN ('PENDING', 'PROCESSING')
         ORDER BY created_ms LIMIT $2",
    )
    .bind(before_ms)
    .bind(limit)
    .fetch_all(store.pool())
    .await
}

/// Whether anything is older than the time that need not be kept.
pub(crate) async fn any_before(store: &Store, before_ms: i64) -> sqlx::Result<bool> {
    let found: i64 = sqlx::query_scalar(
        "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM notifications WHERE created_ms < $1
                AND status NOT IN ('PENDING', 'PROCESSING'))
            OR EXISTS (SELECT 1 FROM seen_events WHERE seen_ms < $1)
            OR EXISTS (SELECT 1 FROM quotas WHERE used_ms < $1) THEN 1 ELSE 0 END AS BIGINT)",
    )
    .bind(before_ms)
    .fetch_one(store.pool())
    .await?;
    Ok(found == 1)
}

/// Deletes the notification with its deliveries.
pub(crate) async fn delete(tx: &mut Tx, id: i64) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM notifications WHERE id = $1",
        "DELETE FROM deliveries WHERE notification_id = $1",
    ] {
        sqlx::query(statement).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Forgets events and places of limits that are older than the time.
pub(crate) async fn forget(tx: &mut Tx, before_ms: i64) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM seen_events WHERE seen_ms < $1",
        "DELETE FROM quotas WHERE used_ms < $1",
    ] {
        sqlx::query(statement)
            .bind(before_ms)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
