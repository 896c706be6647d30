//! Reads of notifications.

use sqlx::Row;

use super::{Notification, from_row};
use crate::notifications::names::{NotificationStatus, NotificationType, from_column};
use crate::store::Store;

/// Which of a user's notifications a list holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) user_id: i64,
    /// Any when it is missing.
    pub(crate) status: Option<NotificationStatus>,
    /// Only those that are to be sent after the time.
    pub(crate) scheduled_after_ms: Option<i64>,
}

impl Filter {
    /// All of the user's.
    pub(crate) fn of(user_id: i64) -> Filter {
        Filter {
            user_id,
            status: None,
            scheduled_after_ms: None,
        }
    }
}

/// How many notifications have status and type in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) status: NotificationStatus,
    pub(crate) kind: NotificationType,
    pub(crate) count: i64,
    /// Those made after the time that was asked for.
    pub(crate) recent: i64,
}

/// The notification of a number.
pub(crate) async fn by_id(store: &Store, id: i64) -> sqlx::Result<Option<Notification>> {
    let row = sqlx::query("SELECT * FROM notifications WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Notifications, the latest first.
pub(crate) async fn list(
    store: &Store,
    filter: Filter,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<Notification>> {
    let rows = sqlx::query(
        "SELECT * FROM notifications
         WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2)
           AND (CAST($3 AS BIGINT) IS NULL OR scheduled_ms > $3)
         ORDER BY id DESC LIMIT $4 OFFSET $5",
    )
    .bind(filter.user_id)
    .bind(filter.status.map(NotificationStatus::name))
    .bind(filter.scheduled_after_ms)
    .bind(limit)
    .bind(offset)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// How many notifications a list would hold without a limit.
pub(crate) async fn count(store: &Store, filter: Filter) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT COUNT(*) FROM notifications
         WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2)
           AND (CAST($3 AS BIGINT) IS NULL OR scheduled_ms > $3)",
    )
    .bind(filter.user_id)
    .bind(filter.status.map(NotificationStatus::name))
    .bind(filter.scheduled_after_ms)
    .fetch_one(store.pool())
    .await
}

/// The user's notifications, counted.
pub(crate) async fn counts(
    store: &Store,
    user_id: i64,
    recent_after_ms: i64,
) -> sqlx::Result<Vec<Count>> {
    let rows = sqlx::query(
        "SELECT status, kind, COUNT(*) AS total,
                CAST(SUM(CASE WHEN created_ms > $2 THEN 1 ELSE 0 END) AS BIGINT) AS recent
         FROM notifications WHERE user_id = $1 GROUP BY status, kind ORDER BY status, kind",
    )
    .bind(user_id)
    .bind(recent_after_ms)
    .fetch_all(store.pool())
    .await?;
    let counts = rows.iter().map(|row| {
        Ok(Count {
            status: from_column(row, "status", NotificationStatus::from_name)?,
            kind: from_column(row, "kind", NotificationType::from_name)?,
            count: row.try_get("total")?,
            recent: row.try_get("recent")?,
        })
    });
    counts.collect()
}
