//! Drives orders to their end: which step is next says the order, what it means says `steps`.
//!
//! Any instance works on any order. A step belongs to whoever has its lease; one that was left by a
//! crash is done again when the lease is over. Every call is idempotent at the other service, so
//! that doing it again is safe, and an unknown outcome is found out by doing it again.

mod steps;

use std::time::Duration;

use tokio::task::JoinSet;

use super::store::{self, Claim};
use crate::backoff;
use crate::error::ApiError;
use crate::state::AppState;
use crate::tasks::Task;
use steps::Outcome;

/// How long after it was placed an order may still wait for stock and payment. Reservations hold
/// for 30 minutes, so that what is paid at the last moment can still be confirmed.
pub(super) const DEADLINE_MS: i64 = 600_000;
const PERIOD: Duration = Duration::from_millis(500);
/// Rounds that go on side by side in one instance: an order whose call hangs keeps those of its own
/// round waiting alone.
const LANES: [&str; 4] = ["saga-1", "saga-2", "saga-3", "saga-4"];
/// Orders of one round.
const BATCH: i64 = 8;
/// Longer than any path through the steps.
const MOST_STEPS: usize = 16;

/// How long things take; tests are quicker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// One call. Well below the lease, so that nobody else begins a step while its call is open.
    pub(super) call: Duration,
    /// One claim, prolonged after each line.
    pub(super) lease_ms: i64,
    /// The first wait after a failure; it doubles with each.
    pub(super) first_wait_ms: i64,
    /// Before jitter, which adds up to half.
    pub(super) longest_wait_ms: i64,
    /// After a payment was last asked for, that none is there counts only when so much time has
    /// passed: a request may still be on its way, and no queue keeps one so long.
    pub(super) settle_ms: i64,
}

impl Pace {
    /// That of the shop.
    pub(super) const USUAL: Pace = Pace {
        call: Duration::from_secs(6),
        lease_ms: 10_000,
        first_wait_ms: 200,
        longest_wait_ms: 10_000,
        settle_ms: 60_000,
    };

    /// The wait after so many tries, with jitter drawn by `below`.
    fn wait_ms(&self, attempts: i64, below: impl Fn(u64) -> u64) -> i64 {
        backoff::wait_ms(self.first_wait_ms, self.longest_wait_ms, attempts, below)
    }
}

/// The background tasks of the service.
pub(super) fn tasks(_: &AppState) -> Vec<Task> {
    let lane = |name| {
        Task::new(name, PERIOD, |state| async move {
            run_once(&state, &Pace::USUAL).await
        })
    };
    LANES.map(lane).into()
}

/// Drives the orders that are due, as far as they go; true when any moved or was put off.
pub(super) async fn run_once(state: &AppState, pace: &Pace) -> Result<bool, ApiError> {
    let mut driven = JoinSet::new();
    for order in store::due(state, BATCH).await? {
        let (state, pace) = (state.clone(), *pace);
        driven.spawn(async move { drive(&state, &pace, order).await });
    }
    let (mut any, mut failure) = (false, None);
    while let Some(outcome) = driven.join_next().await {
        match outcome {
            Ok(Ok(moved)) => any |= moved,
            Ok(Err(error)) => failure = Some(error),
            Err(cause) => failure = Some(ApiError::unavailable("saga", cause)),
        }
    }
    failure.map_or(Ok(any), Err)
}

/// Does the order's steps until one is not due or is somebody else's; whether it did any.
pub(super) async fn drive(state: &AppState, pace: &Pace, order: i64) -> Result<bool, ApiError> {
    for done in 0..MOST_STEPS {
        let Some(claim) = store::claim(state, order, pace.lease_ms).await? else {
            return Ok(done > 0);
        };
        let outcome = steps::work(state, pace, &claim).await?;
        record(state, pace, &claim, outcome).await?;
    }
    Ok(true)
}

/// Notes what came of a step; the lease ends with it. When the order was changed meanwhile the
/// outcome is dropped: the change says what is to be done.
async fn record(
    state: &AppState,
    pace: &Pace,
    claim: &Claim,
    outcome: Outcome,
) -> Result<(), ApiError> {
    let order = &claim.order;
    let wait_ms = pace.wait_ms(order.attempts, |bound| state.ids.below(bound));
    let later_ms = state.now_ms() + wait_ms;
    match outcome {
        Outcome::Done(change) => {
            let changed = store::change(state, order, Some(&claim.owner), &change).await?;
            if changed.is_none() {
                store::put_off(state, claim, later_ms).await?;
            }
        }
        Outcome::Later(why) => {
            let (id, attempts) = (order.id, order.attempts);
            let step = order.step;
            log::warn!("step put off: order={id} step={step:?} attempts={attempts} cause={why}");
            store::put_off(state, claim, later_ms).await?;
        }
        Outcome::Lost => store::put_off(state, claim, later_ms).await?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_and_jitter_adds_up_to_half() {
        let pace = Pace::USUAL;
        let least: Vec<_> = (1..=8).map(|tries| pace.wait_ms(tries, |_| 0)).collect();
        assert_eq!(least, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(pace.wait_ms(1, |bound| bound - 1), 300);
        assert_eq!(pace.wait_ms(i64::MAX, |bound| bound - 1), 15_000);
    }

    #[test]
    fn a_call_ends_before_its_lease() {
        let pace = Pace::USUAL;
        let call_ms = i64::try_from(pace.call.as_millis()).unwrap();
        assert!(call_ms + 2000 <= pace.lease_ms, "time to record is left");
        assert!(pace.settle_ms > pace.lease_ms);
    }
}
