//! Background work beside sending: notifications whose time is over, and those that are history.

use std::time::Duration;

use super::super::names::NotificationStatus;
use super::super::store::{changes, upkeep};
use crate::error::ApiError;
use crate::state::AppState;
use crate::tasks::Task;

/// Nothing is sent after its time in between either: a claim asks for the time.
const EXPIRY_PERIOD: Duration = Duration::from_secs(5);
const EXPIRY_BATCH: i64 = 100;
const CLEAN_UP_PERIOD: Duration = Duration::from_secs(3600);
const CLEAN_UP_BATCH: i64 = 100;
/// Closed notifications that were made longer ago are deleted: 30 days.
const KEPT_MS: i64 = 30 * 86_400_000;
/// One instance cleans up at a time.
const CLEAN_UP_LEASE_MS: i64 = 60_000;

/// The tasks of expiry and clean-up.
pub(super) fn tasks() -> [Task; 2] {
    [
        Task::new("expiry", EXPIRY_PERIOD, |state| async move {
            expire(&state).await
        }),
        Task::new("clean-up", CLEAN_UP_PERIOD, |state| async move {
            clean_up(&state).await
        }),
    ]
}

/// Expires a batch of overdue notifications; true when more may be left.
async fn expire(state: &AppState) -> Result<bool, ApiError> {
    let overdue = upkeep::overdue(&state.store, state.now_ms(), EXPIRY_BATCH).await?;
    for notification in &overdue {
        let reason = Some("its time is over");
        // None when it was closed or moved on meanwhile; the next round looks again.
        let expired = NotificationStatus::Expired;
        changes::set_status(state, notification, expired, reason).await?;
    }
    Ok(i64::try_from(overdue.len()).is_ok_and(|count| count == EXPIRY_BATCH))
}

/// Deletes a batch of old notifications; true when more may be left.
async fn clean_up(state: &AppState) -> Result<bool, ApiError> {
    let (now_ms, owner) = (state.now_ms(), &state.settings.instance);
    let (store, before_ms) = (&state.store, now_ms - KEPT_MS);
    // Asked first, since every wake of this instance comes here.
    if !upkeep::any_before(store, before_ms).await? {
        return Ok(false);
    }
    let mine = store.lease("clean-up", owner, now_ms, CLEAN_UP_LEASE_MS);
    if !mine.await? {
        return Ok(false);
    }
    let old = upkeep::closed_before(store, before_ms, CLEAN_UP_BATCH).await?;
    let mut tx = store.begin().await?;
    for &id in &old {
        upkeep::delete(&mut tx, id).await?;
    }
    upkeep::forget(&mut tx, before_ms).await?;
    tx.commit().await?;
    Ok(i64::try_from(old.len()).is_ok_and(|count| count == CLEAN_UP_BATCH))
}
