//! Carts in the service's database.

use sqlx::Row;

use super::rules::LIFE_MS;
use super::store::{CONVERSION_LIFE_MS, Commit, Kept, Mark, Write};
use crate::error::ApiError;
use crate::events;
use crate::state::AppState;
use crate::store::Tx;
use crate::trace::Trace;

/// Rows removed in one statement, so that it holds nobody up for long.
const SWEPT_AT_ONCE: i64 = 100;
/// Longer than a sweep takes, shorter than the time between two.
const SWEEP_LEASE_MS: i64 = 30_000;

/// What is kept under the key, expired or not.
pub(super) async fn load(state: &AppState, key: &str) -> Result<Option<Kept>, ApiError> {
    let row = sqlx::query("SELECT stamp, content FROM carts WHERE owner_key = $1")
        .bind(key)
        .fetch_optional(state.store.pool())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Kept {
        stamp: row.try_get("stamp")?,
        content: row.try_get("content")?,
    }))
}

/// The content of a mark that has not expired.
pub(super) async fn mark(state: &AppState, key: &str) -> Result<Option<String>, ApiError> {
    let content =
        sqlx::query_scalar("SELECT content FROM conversions WHERE mark = $1 AND expires_ms > $2")
            .bind(key)
            .bind(state.now_ms())
            .fetch_optional(state.store.pool())
            .await?;
    Ok(content)
}

/// All changes and events, or none and false.
pub(super) async fn commit(
    state: &AppState,
    trace: &Trace,
    commit: &Commit,
) -> Result<bool, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    // Everybody locks rows in this order, so that nobody waits in a circle.
    let mut writes: Vec<&Write> = commit.writes.iter().collect();
    writes.sort_by(|one, other| one.key.cmp(&other.key));
    for write in writes {
        if !apply(&mut tx, write, now_ms).await? {
            return Ok(false);
        }
    }
    if let Some(mark) = &commit.mark
        && !make(&mut tx, mark, now_ms).await?
    {
        return Ok(false);
    }
    for event in &commit.told {
        events::append(&mut tx, now_ms, trace, event.clone()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether what was there was what had to be.
async fn apply(tx: &mut Tx, write: &Write, now_ms: i64) -> sqlx::Result<bool> {
    let statement = match (&write.expected, &write.new) {
        (None, None) => return Ok(true),
        (Some(expected), None) => {
            sqlx::query("DELETE FROM carts WHERE owner_key = $1 AND stamp = $2")
                .bind(&write.key)
                .bind(expected)
        }
        (None, Some(new)) => sqlx::query(
            "INSERT INTO carts (owner_key, stamp, content, expires_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (owner_key) DO NOTHING",
        )
        .bind(&write.key)
        .bind(&new.stamp)
        .bind(&new.content)
        .bind(now_ms + LIFE_MS),
        (Some(expected), Some(new)) => sqlx::query(
            "UPDATE carts SET stamp = $1, content = $2, expires_ms = $3
             WHERE owner_key = $4 AND stamp = $5",
        )
        .bind(&new.stamp)
        .bind(&new.content)
        .bind(now_ms + LIFE_MS)
        .bind(&write.key)
        .bind(expected),
    };
    let changed = statement.execute(&mut **tx).await?;
    Ok(changed.rows_affected() == 1)
}

/// Whether the mark is new; an expired one counts as absent.
async fn make(tx: &mut Tx, mark: &Mark, now_ms: i64) -> sqlx::Result<bool> {
    let made = sqlx::query(
        "INSERT INTO conversions (mark, content, expires_ms) VALUES ($1, $2, $3)
         ON CONFLICT (mark) DO UPDATE
         SET content = excluded.content, expires_ms = excluded.expires_ms
         WHERE conversions.expires_ms <= $4",
    )
    .bind(&mark.key)
    .bind(&mark.content)
    .bind(now_ms + CONVERSION_LIFE_MS)
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Removes some expired rows; true when there may be more. One instance does it at a time, since
/// two that delete the same rows in different orders would wait for each other.
pub(super) async fn sweep(state: &AppState) -> Result<bool, ApiError> {
    let (now_ms, owner) = (state.now_ms(), &state.settings.instance);
    let duty = "cart-expiry";
    if !state
        .store
        .lease(duty, owner, now_ms, SWEEP_LEASE_MS)
        .await?
    {
        return Ok(false);
    }
    // Asked twice: a cart may come to life again between the inner and the outer statement.
    let carts = "DELETE FROM carts WHERE expires_ms <= $1 AND owner_key IN
         (SELECT owner_key FROM carts WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT $2)";
    let conversions = "DELETE FROM conversions WHERE expires_ms <= $1 AND mark IN
         (SELECT mark FROM conversions WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT $2)";
    let mut more = false;
    for statement in [carts, conversions] {
        let swept = sqlx::query(statement)
            .bind(now_ms)
            .bind(SWEPT_AT_ONCE)
            .execute(state.store.pool())
            .await?;
        more |= i64::try_from(swept.rows_affected()).unwrap_or(0) == SWEPT_AT_ONCE;
    }
    Ok(more)
}
