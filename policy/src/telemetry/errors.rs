//! Recent error rate of an endpoint.

use super::{
    cell::{F32Cell, TimeCell},
    decay::Decaying,
};
use crate::time::Timestamp;

/// Weight of a new result.
const ALPHA: f32 = 0.1;
/// Time in which an error rate with no new error loses all but 1/e.
pub const ERROR_DECAY_SECONDS: f32 = 10.0;

/// Error rate that falls with successes and, since the last error, with time. Without the
/// latter an endpoint that gets no traffic because of its errors would never get any again.
#[derive(Debug)]
pub(super) struct ErrorCell {
    rate: F32Cell,
    last_error: TimeCell,
}

impl ErrorCell {
    pub(super) const fn new() -> Self {
        Self {
            rate: F32Cell::new(0.0),
            last_error: TimeCell::never(),
        }
    }

    /// Takes in the result of one request. Under the endpoint's lock.
    pub(super) fn record(&self, is_error: bool, now: Timestamp) {
        if is_error {
            let rate = self.rate(now);
            self.rate.store(rate + ALPHA * (1.0 - rate));
            self.last_error.store(now);
        } else {
            self.rate.approach(0.0, ALPHA);
        }
    }

    /// The rate at `now`, from 0 to 1.
    #[inline]
    pub(super) fn rate(&self, now: Timestamp) -> f32 {
        self.read(now)
            .map_or(0.0, |rate| rate.after(ERROR_DECAY_SECONDS))
    }

    /// The rate before decay and the time since the last error; `None` without any error.
    #[inline]
    pub(super) fn read(&self, now: Timestamp) -> Option<Decaying> {
        let age_seconds = self.last_error.age_seconds(now)?;
        Some(Decaying {
            value: self.rate.load(),
            age_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_rate_stays_within_zero_and_one_and_fades() {
        let errors = ErrorCell::new();
        let mut now = Timestamp::ZERO;
        for _ in 0..1000 {
            errors.record(true, now);
            now = now + Duration::from_millis(1);
        }
        let high = errors.rate(now);
        assert!(
            (0.9..=1.0).contains(&high),
            "{high} after nothing but errors"
        );
        assert!(errors.rate(now + Duration::from_secs(60)) < 0.01);
        for _ in 0..100 {
            errors.record(false, now);
        }
        assert!(errors.rate(now) < 0.01, "successes bring it down at once");
    }

    #[test]
    fn an_old_rate_does_not_come_back_with_a_single_new_error() {
        let errors = ErrorCell::new();
        for _ in 0..100 {
            errors.record(true, Timestamp::ZERO);
        }
        let later = Timestamp::ZERO + Duration::from_secs(600);
        errors.record(true, later);
        assert!(errors.rate(later) < 0.11);
    }
}
