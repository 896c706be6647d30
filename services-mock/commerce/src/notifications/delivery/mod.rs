//! Sends what is due: claims it, asks preferences and limits, hands it to the channel's sender and
//! notes what came of it.
//!
//! Any instance sends anything; what is being sent is leased, so that nobody else sends it at the
//! same time. What a crash left open is sent again when the lease is over: at least once, with an
//! identity that lets a receiver see the repetition.

pub(crate) mod senders;

mod admission;
mod upkeep;

use std::time::Duration;

use tokio::task::JoinSet;

use super::names::DeliveryStatus;
use super::store::deliveries::{self, Claim, Record};
use crate::backoff;
use crate::error::ApiError;
use crate::state::AppState;
use crate::tasks::Task;
use admission::Verdict;
use senders::{Message, Outcome, Senders};

const PERIOD: Duration = Duration::from_millis(500);
/// Rounds that go on side by side in one instance: a receiver that hangs keeps those of its own
/// round waiting alone.
const LANES: [&str; 4] = ["send-1", "send-2", "send-3", "send-4"];
/// Deliveries of one round.
const BATCH: i64 = 16;
/// The wait after the first failed try; it doubles with each.
const FIRST_WAIT_MS: i64 = 10_000;
/// Before jitter, which adds up to half.
const LONGEST_WAIT_MS: i64 = 600_000;
/// One try.
const LONGEST_TRY: Duration = Duration::from_secs(10);
/// One claim. Well above a try, so that nobody else begins one while it is open.
const LEASE_MS: i64 = 30_000;

/// The background tasks of sending, expiry and clean-up.
pub(crate) fn tasks(state: &AppState) -> Vec<Task> {
    let senders = Senders::new(state);
    let lane = |name| {
        let senders = senders.clone();
        Task::new(name, PERIOD, move |state| {
            let senders = senders.clone();
            async move { run_once(&state, &senders).await }
        })
    };
    let mut tasks: Vec<_> = LANES.into_iter().map(lane).collect();
    tasks.extend(upkeep::tasks());
    tasks
}

/// Sends a batch of what is due; true when any of it was this worker's.
pub(crate) async fn run_once(state: &AppState, senders: &Senders) -> Result<bool, ApiError> {
    let mut sending = JoinSet::new();
    for id in deliveries::due(state, BATCH).await? {
        let (state, senders) = (state.clone(), senders.clone());
        sending.spawn(async move { deliver(&state, &senders, id).await });
    }
    let (mut any, mut failure) = (false, None);
    while let Some(outcome) = sending.join_next().await {
        match outcome {
            Ok(Ok(mine)) => any |= mine,
            Ok(Err(error)) => failure = Some(error),
            Err(cause) => failure = Some(ApiError::unavailable("delivery", cause)),
        }
    }
    failure.map_or(Ok(any), Err)
}

/// Whether the delivery was this worker's.
async fn deliver(state: &AppState, senders: &Senders, id: i64) -> Result<bool, ApiError> {
    let Some(claim) = deliveries::claim(state, id, LEASE_MS).await? else {
        return Ok(false);
    };
    let record = work(state, senders, &claim).await?;
    deliveries::record(state, &claim, &record).await?;
    Ok(true)
}

async fn work(state: &AppState, senders: &Senders, claim: &Claim) -> Result<Record, ApiError> {
    let delivery = &claim.delivery;
    if delivery.attempts > delivery.most_attempts {
        let why = "what came of the last try is not known";
        return Ok(ended(DeliveryStatus::Failed, Some(why.into()), None));
    }
    let wishes = match admission::judge(state, claim).await? {
        Verdict::Go(wishes) => wishes,
        Verdict::Hold { until_ms } => return Ok(held(until_ms)),
        Verdict::Reject(why) => return Ok(ended(DeliveryStatus::Rejected, Some(why), None)),
    };
    let message = match admission::address(state, claim, wishes).await? {
        Ok(recipient) => Message::new(claim, recipient),
        Err(outcome) => return Ok(record_of(state, claim, outcome, None)),
    };
    let sending = senders.of(delivery.channel).send(&message);
    let outcome = match tokio::time::timeout(LONGEST_TRY, sending).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Later(format!("no answer within {LONGEST_TRY:?}")),
    };
    Ok(record_of(state, claim, outcome, Some(message.recipient)))
}

fn held(until_ms: i64) -> Record {
    Record {
        status: DeliveryStatus::Pending,
        error: Some("held until the quiet hours end".into()),
        recipient: None,
        next_try_ms: Some(until_ms),
        tried: false,
    }
}

fn ended(status: DeliveryStatus, error: Option<String>, recipient: Option<String>) -> Record {
    Record {
        status,
        error,
        recipient,
        next_try_ms: None,
        tried: status != DeliveryStatus::Rejected,
    }
}

fn record_of(
    state: &AppState,
    claim: &Claim,
    outcome: Outcome,
    recipient: Option<String>,
) -> Record {
    let delivery = &claim.delivery;
    match outcome {
        Outcome::Sent => ended(DeliveryStatus::Sent, None, recipient),
        Outcome::Delivered => ended(DeliveryStatus::Delivered, None, recipient),
        Outcome::Bounced(why) => ended(DeliveryStatus::Bounced, Some(why), recipient),
        Outcome::Rejected(why) => ended(DeliveryStatus::Rejected, Some(why), recipient),
        Outcome::Later(why) if delivery.attempts >= delivery.most_attempts => {
            ended(DeliveryStatus::Failed, Some(why), recipient)
        }
        Outcome::Later(why) => {
            let (id, attempts) = (delivery.id, delivery.attempts);
            log::warn!("delivery put off: delivery={id} attempts={attempts} cause={why}");
            let wait_ms = backoff::wait_ms(FIRST_WAIT_MS, LONGEST_WAIT_MS, attempts, |bound| {
                state.ids.below(bound)
            });
            Record {
                status: DeliveryStatus::Pending,
                error: Some(why),
                recipient,
                next_try_ms: Some(state.now_ms() + wait_ms),
                tried: true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_ends_before_its_lease() {
        let try_ms = i64::try_from(LONGEST_TRY.as_millis()).unwrap();
        assert!(try_ms * 2 <= LEASE_MS, "time to ask the store is left");
    }
}
