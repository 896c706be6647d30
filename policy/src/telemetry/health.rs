//! Round-trip times of health checks.

use super::cell::{F32Cell, TimeCell};
use crate::time::Timestamp;
use std::time::Duration;

/// Growth of the minimum per check: one lucky check is forgotten after some hundred others.
const MINIMUM_CREEP: f32 = 1.001;
/// Round trips are cut to this.
const MAX_RTT: Duration = Duration::from_secs(3600);

/// What successful health checks tell, as read for a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthReading {
    /// Round trip of the last check, in seconds.
    pub rtt_seconds: f32,
    /// Shortest recent round trip, in seconds.
    pub min_rtt_seconds: f32,
    /// Seconds since the last check.
    pub age_seconds: f32,
}

#[derive(Debug)]
pub(super) struct HealthCell {
    rtt_seconds: F32Cell,
    min_rtt_seconds: F32Cell,
    at: TimeCell,
}

impl HealthCell {
    pub(super) const fn new() -> Self {
        Self {
            rtt_seconds: F32Cell::new(0.0),
            min_rtt_seconds: F32Cell::new(f32::MAX),
            at: TimeCell::never(),
        }
    }

    /// Takes in a successful check. Under the endpoint's lock.
    pub(super) fn record(&self, rtt: Duration, now: Timestamp) {
        let seconds = rtt.min(MAX_RTT).as_secs_f32();
        let min = self.min_rtt_seconds.load() * MINIMUM_CREEP;
        self.rtt_seconds.store(seconds);
        self.min_rtt_seconds.store(min.min(seconds));
        self.at.store(now);
    }

    #[inline]
    pub(super) fn read(&self, now: Timestamp) -> Option<HealthReading> {
        Some(HealthReading {
            age_seconds: self.at.age_seconds(now)?,
            rtt_seconds: self.rtt_seconds.load(),
            min_rtt_seconds: self.min_rtt_seconds.load(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn last_and_shortest_round_trip_are_kept() {
        let cell = HealthCell::new();
        assert_eq!(cell.read(Timestamp::ZERO), None);
        for ms in [5, 2, 9] {
            cell.record(Duration::from_millis(ms), Timestamp::ZERO);
        }
        let read = cell.read(Timestamp::ZERO).expect("checks were recorded");
        assert_eq!(read.rtt_seconds, 0.009);
        assert!((read.min_rtt_seconds - 0.002).abs() < 1e-5);
    }
}
