//! SQL of preferences and of the places that limits leave.

use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};

use super::super::names::{Channel, NotificationType, from_column};
use super::rules::{DAY_MS, HOUR_MS, Limits, QuietHours, Wishes};
use crate::store::{Store, Tx};

/// Whose wishes about what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) user_id: i64,
    pub(crate) kind: NotificationType,
    pub(crate) channel: Channel,
}

/// Wishes that a user has expressed.
#[derive(Clone, Debug)]
pub(crate) struct Preference {
    pub(crate) key: Key,
    pub(crate) wishes: Wishes,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// What is to be changed; the rest stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) enabled: Option<bool>,
    pub(crate) quiet_on: Option<bool>,
    pub(crate) quiet_start: Option<i64>,
    pub(crate) quiet_end: Option<i64>,
    pub(crate) per_hour: Option<i64>,
    pub(crate) per_day: Option<i64>,
    /// An empty one takes it away.
    pub(crate) webhook_url: Option<String>,
}

/// Which of a user's preferences a list holds; none of both means all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) kind: Option<NotificationType>,
    pub(crate) channel: Option<Channel>,
}

/// Changes the user's wishes, or the default ones where the user had none.
pub(crate) async fn change<'e>(
    executor: impl Executor<'e, Database = Any>,
    key: Key,
    change: &Change,
    now_ms: i64,
) -> sqlx::Result<Preference> {
    let default = Wishes::default_of(key.kind, key.channel);
    let row = sqlx::query(
        "INSERT INTO preferences (user_id, kind, channel, enabled, quiet_on, quiet_start,
            quiet_end, per_hour, per_day, webhook_url, created_ms, updated_ms)
         VALUES ($1, $2, $3,
            COALESCE(CAST($4 AS BIGINT), $5), COALESCE(CAST($6 AS BIGINT), $7),
            COALESCE(CAST($8 AS BIGINT), $9), COALESCE(CAST($10 AS BIGINT), $11),
            COALESCE(CAST($12 AS BIGINT), $13), COALESCE(CAST($14 AS BIGINT), $15),
            NULLIF(CAST($16 AS TEXT), ''), $17, $17)
         ON CONFLICT (user_id, kind, channel) DO UPDATE SET
            enabled = COALESCE(CAST($4 AS BIGINT), preferences.enabled),
            quiet_on = COALESCE(CAST($6 AS BIGINT), preferences.quiet_on),
            quiet_start = COALESCE(CAST($8 AS BIGINT), preferences.quiet_start),
            quiet_end = COALESCE(CAST($10 AS BIGINT), preferences.quiet_end),
            per_hour = COALESCE(CAST($12 AS BIGINT), preferences.per_hour),
            per_day = COALESCE(CAST($14 AS BIGINT), preferences.per_day),
            webhook_url = NULLIF(COALESCE(CAST($16 AS TEXT), preferences.webhook_url), ''),
            updated_ms = $17
         RETURNING *",
    )
    .bind(key.user_id)
    .bind(key.kind.name())
    .bind(key.channel.name())
    .bind(change.enabled.map(i64::from))
    .bind(i64::from(default.enabled))
    .bind(change.quiet_on.map(i64::from))
    .bind(i64::from(default.quiet_on))
    .bind(change.quiet_start)
    .bind(default.quiet.start)
    .bind(change.quiet_end)
    .bind(default.quiet.end)
    .bind(change.per_hour)
    .bind(default.limits.per_hour)
    .bind(change.per_day)
    .bind(default.limits.per_day)
    .bind(change.webhook_url.clone())
    .bind(now_ms)
    .fetch_one(executor)
    .await?;
    from_row(&row)
}

/// What the user wants: as expressed, else the default.
pub(crate) async fn wishes(store: &Store, key: Key) -> sqlx::Result<Wishes> {
    let expressed = by_key(store, key).await?;
    let default = || Wishes::default_of(key.kind, key.channel);
    Ok(expressed.map_or_else(default, |preference| preference.wishes))
}

/// The wishes if the user has expressed any.
pub(crate) async fn by_key(store: &Store, key: Key) -> sqlx::Result<Option<Preference>> {
    let row =
        sqlx::query("SELECT * FROM preferences WHERE user_id = $1 AND kind = $2 AND channel = $3")
            .bind(key.user_id)
            .bind(key.kind.name())
            .bind(key.channel.name())
            .fetch_optional(store.pool())
            .await?;
    row.as_ref().map(from_row).transpose()
}

/// All that the user has expressed; at most one for each type and channel.
pub(crate) async fn list(
    store: &Store,
    user_id: i64,
    filter: Filter,
) -> sqlx::Result<Vec<Preference>> {
    let rows = sqlx::query(
        "SELECT * FROM preferences
         WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
           AND (CAST($3 AS TEXT) IS NULL OR channel = $3)
         ORDER BY kind, channel",
    )
    .bind(user_id)
    .bind(filter.kind.map(NotificationType::name))
    .bind(filter.channel.map(Channel::name))
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// Forgets the wishes, so that the default counts again; whether there were any.
pub(crate) async fn delete(store: &Store, key: Key) -> sqlx::Result<bool> {
    let deleted =
        sqlx::query("DELETE FROM preferences WHERE user_id = $1 AND kind = $2 AND channel = $3")
            .bind(key.user_id)
            .bind(key.kind.name())
            .bind(key.channel.name())
            .execute(store.pool())
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Forgets all that the user has expressed.
pub(crate) async fn delete_all(store: &Store, user_id: i64) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM preferences WHERE user_id = $1")
        .bind(user_id)
        .execute(store.pool())
        .await?;
    Ok(())
}

/// Why the limits leave no place at the time; the window of a limit slides. What failed or was
/// refused took none.
pub(crate) async fn refusal<'e>(
    executor: impl Executor<'e, Database = Any>,
    key: Key,
    limits: Limits,
    now_ms: i64,
) -> sqlx::Result<Option<String>> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(CASE WHEN admitted_ms > $4 THEN 1 ELSE 0 END), 0) AS BIGINT)
                    AS in_hour,
                COUNT(*) AS in_day
         FROM deliveries
         WHERE user_id = $1 AND kind = $2 AND channel = $3 AND admitted_ms > $5
           AND status NOT IN ('FAILED', 'REJECTED', 'BOUNCED')",
    )
    .bind(key.user_id)
    .bind(key.kind.name())
    .bind(key.channel.name())
    .bind(now_ms - HOUR_MS)
    .bind(now_ms - DAY_MS)
    .fetch_one(executor)
    .await?;
    Ok(limits.refusal(row.try_get("in_hour")?, row.try_get("in_day")?))
}

/// Keeps everybody else from counting the same places until the transaction ends.
pub(crate) async fn hold_places(tx: &mut Tx, key: Key, now_ms: i64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO quotas (user_id, kind, channel, used_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, kind, channel) DO UPDATE SET used_ms = excluded.used_ms",
    )
    .bind(key.user_id)
    .bind(key.kind.name())
    .bind(key.channel.name())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn from_row(row: &AnyRow) -> sqlx::Result<Preference> {
    let flag = |column| row.try_get::<i64, _>(column).map(|value| value != 0);
    Ok(Preference {
        key: Key {
            user_id: row.try_get("user_id")?,
            kind: from_column(row, "kind", NotificationType::from_name)?,
            channel: from_column(row, "channel", Channel::from_name)?,
        },
        wishes: Wishes {
            enabled: flag("enabled")?,
            quiet_on: flag("quiet_on")?,
            quiet: QuietHours {
                start: row.try_get("quiet_start")?,
                end: row.try_get("quiet_end")?,
            },
            limits: Limits {
                per_hour: row.try_get("per_hour")?,
                per_day: row.try_get("per_day")?,
            },
            webhook_url: row.try_get("webhook_url")?,
        },
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
