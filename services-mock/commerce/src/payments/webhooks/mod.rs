//! Sends events to webhooks, at least once, until they are taken or given up.
//!
//! Any instance sends any delivery; who has its lease sends it, and one that was left by a crash is
//! sent again when the lease is over. A receiver therefore sees a delivery more than once, by the
//! same `X-Webhook-Id`. Deliveries of one webhook may overtake each other.

mod sending;

use std::time::Duration;

use super::store::deliveries;
use crate::error::ApiError;
use crate::settings::{Secret, Settings};
use crate::state::AppState;
use crate::tasks::Task;
#[cfg(test)]
pub(super) use sending::Pace;
pub(super) use sending::run_once;

/// Rounds that go on side by side in one instance: a webhook that does not answer keeps those of
/// its own round waiting alone.
const LANES: [&str; 4] = ["webhooks-1", "webhooks-2", "webhooks-3", "webhooks-4"];
const PERIOD: Duration = Duration::from_millis(500);
const PURGE_PERIOD: Duration = Duration::from_secs(3600);
const PURGE_BATCH: i64 = 500;
/// Deliveries that ended longer ago are deleted: 30 days.
const KEPT_MS: i64 = 30 * 86_400_000;
/// One instance purges at a time.
const PURGE_LEASE_MS: i64 = 60_000;

/// The webhook that the settings name, which gets all events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    pub(super) url: &'a str,
    pub(super) secret: &'a Secret,
}

/// That of the settings, if they name both address and secret.
pub(super) fn standing(settings: &Settings) -> Option<Standing<'_>> {
    Some(Standing {
        url: settings.webhook_url.as_deref()?,
        secret: settings.webhook_secret.as_ref()?,
    })
}

/// The background tasks of the service.
pub(super) fn tasks(_: &AppState) -> Vec<Task> {
    let lane = |name| {
        Task::new(name, PERIOD, |state| async move {
            run_once(&state, &sending::Pace::USUAL).await
        })
    };
    let mut tasks = Vec::from(LANES.map(lane));
    let purge = |state: AppState| async move { purge(&state).await };
    tasks.push(Task::new("purge", PURGE_PERIOD, purge));
    tasks
}

/// Deletes a batch of deliveries that ended long ago; true when more may be left.
async fn purge(state: &AppState) -> Result<bool, ApiError> {
    let (store, now_ms) = (&state.store, state.now_ms());
    let before_ms = now_ms - KEPT_MS;
    if !deliveries::any_ended_before(store, before_ms).await? {
        return Ok(false);
    }
    let owner = &state.settings.instance;
    if !store.lease("purge", owner, now_ms, PURGE_LEASE_MS).await? {
        return Ok(false);
    }
    let deleted = deliveries::purge(store, before_ms, PURGE_BATCH).await?;
    Ok(i64::try_from(deleted).is_ok_and(|count| count == PURGE_BATCH))
}
