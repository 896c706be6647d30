//! Background work: reservations that nobody confirmed in time, and those that are history.

use std::time::Duration;

use super::ending;
use super::rules::Ending;
use super::store::reservations;
use crate::error::ApiError;
use crate::state::AppState;
use crate::tasks::Task;
use crate::trace::Trace;

/// Goods are back on sale at most so long after a reservation's time is over.
const SWEEP_PERIOD: Duration = Duration::from_secs(5);
/// Reservations of one round, each ended in a transaction of its own so that none waits long.
const SWEEP_BATCH: i64 = 50;
const PURGE_PERIOD: Duration = Duration::from_secs(3600);
const PURGE_BATCH: i64 = 500;
/// Reservations that ended longer ago are deleted: 30 days.
const KEPT_MS: i64 = 30 * 86_400_000;
/// One instance purges in a period.
const PURGE_LEASE_MS: i64 = 60_000;

/// The tasks of the service.
pub(super) fn tasks(_: &AppState) -> Vec<Task> {
    vec![
        Task::new("expiry", SWEEP_PERIOD, |state| async move {
            let now_ms = state.now_ms();
            run_once(&state, now_ms).await
        }),
        Task::new("purge", PURGE_PERIOD, |state| async move {
            let now_ms = state.now_ms();
            purge(&state, now_ms).await
        }),
    ]
}

/// Expires a batch of overdue reservations; true when more may be left. One that fails does not
/// keep the others waiting.
pub(super) async fn run_once(state: &AppState, now_ms: i64) -> Result<bool, ApiError> {
    let due = reservations::due(&state.store, now_ms, SWEEP_BATCH).await?;
    let mut failed = None;
    for &id in &due {
        let trace = Trace::fresh(&state.ids);
        match ending::one(state, &trace, id, Ending::Expire).await {
            Ok(line) => log::debug!("reservation ended: id={id} status={}", line.status.name()),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(i64::try_from(due.len()).is_ok_and(|count| count == SWEEP_BATCH)),
    }
}

/// Deletes a batch of reservations that ended long ago; true when more may be left. The log of
/// movements stays, so that stock can still be reconciled.
pub(super) async fn purge(state: &AppState, now_ms: i64) -> Result<bool, ApiError> {
    let store = &state.store;
    let before_ms = now_ms - KEPT_MS;
    if !reservations::any_ended_before(store, before_ms).await? {
        return Ok(false);
    }
    let owner = &state.settings.instance;
    if !store.lease("purge", owner, now_ms, PURGE_LEASE_MS).await? {
        return Ok(false);
    }
    let deleted = reservations::purge(store, before_ms, PURGE_BATCH).await?;
    Ok(i64::try_from(deleted).is_ok_and(|count| count == PURGE_BATCH))
}
