//! Whether a cluster is saturated. In simulation a model that takes the lowest expected cost for
//! each request loses to simple policies when no endpoint has room: what is best for one request
//! is then paid by the others.

use crate::telemetry::cut;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A saturated cluster counts as such until its error rate is below this part of the limit, so
/// that policies do not change with every request.
const RELEASE_PART: f32 = 0.5;

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
