//! Whether a cluster is saturated, and who is chosen while it is. In simulation a model that takes
//! the lowest expected cost for each request loses to simple policies when no endpoint has room:
//! what is best for one request is then paid by the others.

use crate::{
    policies::{Choices, Decision, Pick, Policy},
    telemetry::{EndpointStats, cut},
    time::Timestamp,
};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A saturated cluster counts as such until its error rate is below this part of the limit, so
/// that policies do not change with every request.
const RELEASE_PART: f32 = 0.5;

/// Cost of each error above the cluster's rate, in requests.
const ERROR_FACTOR: f32 = 3.0;

#[derive(Debug)]
pub(super) struct Saturation {
    /// Error rate above which the cluster is saturated; 1 is never exceeded.
    limit: f32,
    saturated: AtomicBool,
}

impl Saturation {
    /// Brings a limit out of range into it; NaN switches off.
    pub(super) fn new(limit: f32) -> Self {
        let limit = if limit.is_nan() { 1.0 } else { limit };
        Self {
            limit: cut(limit, 0.0, 1.0),
            saturated: AtomicBool::new(false),
        }
    }

    /// Whether a cluster with this recent error rate is saturated.
    pub(super) fn holds(&self, error_rate: f32) -> bool {
        let before = self.saturated.load(Relaxed);
        let now = if before {
            error_rate >= self.limit * RELEASE_PART
        } else {
            error_rate > self.limit
        };
        if now != before {
            self.saturated.store(now, Relaxed);
        }
        now
    }
}

/// Least connections, with a factor for errors that others do not have. Without any, who fails at
/// once has the fewest requests in flight and draws the traffic, until it is ejected and the next
/// one fails under what is left. With one for all errors, load moves to whoever has not failed
/// yet until that one fails too (ADR 25).
#[derive(Debug)]
pub(super) struct LeastInSaturation;

impl Policy for LeastInSaturation {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let (usual, now) = (decision.cluster.error_rate(), decision.now);
        Choices::All.lowest(decision, |endpoint| cost(endpoint, usual, now))
    }
}

/// Requests in flight for the weight, in a cluster of error rate `usual`.
fn cost(endpoint: &EndpointStats, usual: f32, now: Timestamp) -> f32 {
    let unusual = (endpoint.error_rate(now) - usual).max(0.0);
    let requests = (endpoint.in_flight() as f32 + 1.0) / endpoint.weight() as f32;
    requests * (1.0 + ERROR_FACTOR * unusual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_from_above_the_limit_to_below_half_of_it() {
        let saturation = Saturation::new(0.1);
        let seen = [0.0, 0.1, 0.11, 0.06, 0.05, 0.04, 0.06, 0.2].map(|rate| saturation.holds(rate));
        assert_eq!(seen, [false, false, true, true, true, false, false, true]);
    }

    #[test]
    fn a_limit_of_one_or_none_is_never_exceeded() {
        for limit in [1.0, 7.0, f32::INFINITY, f32::NAN] {
            assert!(!Saturation::new(limit).holds(1.0), "{limit}");
        }
    }
}
