//! One delivery: claimed, sent, concluded.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use tokio::task::JoinSet;

use super::standing;
use crate::backoff;
use crate::error::ApiError;
use crate::gateway::{CallError, Reply};
use crate::payments::rules::DeliveryStatus;
use crate::payments::store::attempts::{self, Conclusion};
use crate::payments::store::deliveries::{Delivery, STANDING};
use crate::payments::store::subscriptions;
use crate::settings::Secret;
use crate::signature;
use crate::state::AppState;
use crate::trace::Trace;

/// Deliveries of one round, which are sent at once.
const BATCH: i64 = 8;
/// While so many are being sent to a webhook, no further round begins with it.
const MOST_AT_ONCE: i64 = 8;
const LONGEST_ERROR: usize = 300;

/// How long things take; tests are quicker.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Pace {
    /// One attempt. Well below the lease, so that nobody else begins while it is open.
    pub(in super::super) timeout: Duration,
    /// One claim.
    pub(in super::super) lease_ms: i64,
    /// The wait after the first failure; it doubles with each.
    pub(in super::super) first_wait_ms: i64,
    /// Before jitter, which adds up to half.
    pub(in super::super) longest_wait_ms: i64,
    /// Then the delivery is given up.
    pub(in super::super) most_attempts: i64,
}

impl Pace {
    /// That of the shop: given up after some two to three minutes.
    pub(in super::super) const USUAL: Pace = Pace {
        timeout: Duration::from_secs(5),
        lease_ms: 10_000,
        first_wait_ms: 1000,
        longest_wait_ms: 300_000,
        most_attempts: 8,
    };

    /// The wait after so many attempts, with jitter drawn by `below`.
    fn wait_ms(&self, attempts: i64, below: impl Fn(u64) -> u64) -> i64 {
        backoff::wait_ms(self.first_wait_ms, self.longest_wait_ms, attempts, below)
    }
}

/// Sends the deliveries that are due; true when any was sent or given up.
pub(in super::super) async fn run_once(state: &AppState, pace: &Pace) -> Result<bool, ApiError> {
    let knows_standing = standing(&state.settings).is_some();
    let mut sent = JoinSet::new();
    for id in attempts::due(state, knows_standing, MOST_AT_ONCE, BATCH).await? {
        let (state, pace) = (state.clone(), *pace);
        sent.spawn(async move { deliver(&state, &pace, id).await });
    }
    let (mut any, mut failure) = (false, None);
    while let Some(outcome) = sent.join_next().await {
        match outcome {
            Ok(Ok(moved)) => any |= moved,
            Ok(Err(error)) => failure = Some(error),
            Err(cause) => failure = Some(ApiError::unavailable("webhooks", cause)),
        }
    }
    failure.map_or(Ok(any), Err)
}

/// Makes one attempt; false when somebody else has the delivery.
async fn deliver(state: &AppState, pace: &Pace, id: i64) -> Result<bool, ApiError> {
    let claimed = attempts::claim(state, id, pace.lease_ms, pace.most_attempts).await?;
    let Some(delivery) = claimed else {
        return Ok(attempts::give_up(state, id, pace.most_attempts).await?);
    };
    let conclusion = match target(state, &delivery).await? {
        None => failed("the subscription was deleted".into()),
        Some(target) => {
            let request = request(state, &delivery, &target)?;
            let outcome = state.gateway.client().send(request, pace.timeout).await;
            conclude(state, pace, &delivery, outcome)
        }
    };
    attempts::conclude(state, &delivery, conclusion).await?;
    Ok(true)
}

struct Target {
    url: String,
    secret: Secret,
}

/// Where a delivery goes, and what signs it. The settings count as they are now.
async fn target(state: &AppState, delivery: &Delivery) -> sqlx::Result<Option<Target>> {
    if delivery.webhook == STANDING {
        return Ok(standing(&state.settings).map(|standing| Target {
            url: standing.url.to_owned(),
            secret: standing.secret.clone(),
        }));
    }
    let secret = subscriptions::secret(&state.store, delivery.webhook).await?;
    Ok(secret.map(|secret| Target {
        url: delivery.url.clone(),
        secret,
    }))
}

fn request(
    state: &AppState,
    delivery: &Delivery,
    target: &Target,
) -> Result<Request<Full<Bytes>>, ApiError> {
    let body = Bytes::from(delivery.body.clone());
    let mut request = Request::post(&target.url)
        .header(CONTENT_TYPE, "application/json")
        .header("X-Webhook-Id", delivery.id)
        .header("X-Webhook-Timestamp", state.now_ms())
        .header("X-Webhook-Signature", signature::of(&target.secret, &body)?);
    let trace = Trace::from_id(&delivery.trace_id).unwrap_or_else(|| Trace::fresh(&state.ids));
    for (name, value) in trace.headers(&state.ids) {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body));
    request.map_err(|cause| ApiError::unavailable("webhook", cause))
}

/// What an answer means, or that none came. A redirect is no answer in the 200s, and not followed.
fn conclude(
    state: &AppState,
    pace: &Pace,
    delivery: &Delivery,
    outcome: Result<Reply, CallError>,
) -> Conclusion {
    let (status_code, error) = match outcome {
        Ok(reply) => {
            let code = reply.status.as_u16();
            let refused = (!reply.status.is_success()).then(|| format!("answered {code}"));
            (Some(i64::from(code)), refused)
        }
        Err(error) => (None, Some(shortened(&error.to_string()))),
    };
    let status = match &error {
        None => DeliveryStatus::Delivered,
        Some(_) if delivery.attempts >= pace.most_attempts => DeliveryStatus::Failed,
        Some(_) => DeliveryStatus::Pending,
    };
    if let Some(error) = &error {
        let (id, attempts) = (delivery.id, delivery.attempts);
        log::warn!("webhook not delivered: delivery={id} attempts={attempts} cause={error}");
    }
    let wait_ms = pace.wait_ms(delivery.attempts, |bound| state.ids.below(bound));
    Conclusion {
        status,
        status_code,
        error,
        next_try_ms: state.now_ms() + wait_ms,
    }
}

fn failed(why: String) -> Conclusion {
    Conclusion {
        status: DeliveryStatus::Failed,
        status_code: None,
        error: Some(why),
        next_try_ms: 0,
    }
}

/// As it may be stored.
fn shortened(error: &str) -> String {
    let printable = error.chars().filter(|c| !c.is_control());
    printable.take(LONGEST_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_and_jitter_adds_up_to_half() {
        let pace = Pace::USUAL;
        let least: Vec<_> = (1..=10).map(|tries| pace.wait_ms(tries, |_| 0)).collect();
        let seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300];
        assert_eq!(least, seconds.map(|seconds| seconds * 1000));
        assert_eq!(pace.wait_ms(1, |bound| bound - 1), 1500);
        assert_eq!(pace.wait_ms(i64::MAX, |bound| bound - 1), 450_000);
    }

    #[test]
    fn an_attempt_ends_before_its_lease() {
        let timeout_ms = i64::try_from(Pace::USUAL.timeout.as_millis()).unwrap();
        assert!(
            timeout_ms + 2000 <= Pace::USUAL.lease_ms,
            "time to record is left"
        );
    }

    #[test]
    fn errors_are_stored_short_and_printable() {
        assert_eq!(shortened("a\0b\nc"), "abc");
        assert_eq!(shortened(&"é".repeat(400)).chars().count(), LONGEST_ERROR);
    }
}
