//! Peak-sensitive moving average of latency: rises at once, falls slowly.

use super::{
    cell::{F32Cell, TimeCell},
    decay::Decaying,
};
use crate::time::Timestamp;

/// Time in which a peak loses all but 1/e of its height above the floor.
pub const PEAK_DECAY_SECONDS: f32 = 10.0;
/// What an endpoint of which nothing is known counts as, as a part of the cluster's mean
/// latency, and what an old peak falls back to. Below 1, so that the endpoint is tried; not
/// near 0, so that it is not flooded before its first answer comes.
pub const UNKNOWN_PART: f32 = 0.5;
/// What a failure counts as at least, as a part of the cluster's mean latency.
const FAILURE_PART: f32 = 2.0;

/// A peak as stored; nothing is known while `stored` is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peak {
    /// The value in seconds when last written, and the time since then.
    pub stored: Option<Decaying>,
}

#[derive(Debug)]
pub(super) struct PeakCell {
    seconds: F32Cell,
    at: TimeCell,
}

impl Peak {
    /// The value in seconds by now, in a cluster of mean latency `mean_seconds`.
    #[inline]
    pub fn seconds(&self, mean_seconds: f32) -> f32 {
        let kept = self.stored.map_or(0.0, |peak| {
            super::decay::keep(peak.age_seconds / PEAK_DECAY_SECONDS)
        });
        self.blend(kept, mean_seconds)
    }

    /// The same with `kept`, the decay since the last write, already computed.
    #[inline]
    pub(crate) fn blend(&self, kept: f32, mean_seconds: f32) -> f32 {
        let unknown = UNKNOWN_PART * mean_seconds;
        let stored = self.stored.map_or(unknown, |peak| peak.value);
        let floor = stored.min(unknown);
        floor + (stored - floor) * kept
    }
}

impl PeakCell {
    pub(super) const fn new() -> Self {
        Self {
            seconds: F32Cell::new(0.0),
            at: TimeCell::never(),
        }
    }

    /// Takes in a latency. Under the endpoint's lock.
    pub(super) fn record(&self, seconds: f32, now: Timestamp) {
        let moved = match self.read(now).stored {
            Some(peak) if seconds <= peak.value => {
                let kept = super::decay::keep(peak.age_seconds / PEAK_DECAY_SECONDS);
                peak.value * kept + seconds * (1.0 - kept)
            }
            _ => seconds,
        };
        self.seconds.store(moved);
        self.at.store(now);
    }

    /// Takes in that an answer would have taken longer than `seconds`: it may raise the peak
    /// but never lower it.
    pub(super) fn record_at_least(&self, seconds: f32, mean_seconds: f32, now: Timestamp) {
        if seconds > self.read(now).seconds(mean_seconds) {
            self.seconds.store(seconds);
            self.at.store(now);
        }
    }

    /// Takes in a failure after `seconds`. It counts as a retry elsewhere or longer, so that
    /// a server that does nothing but fail does not come to look fast.
    pub(super) fn record_failure(&self, seconds: f32, mean_seconds: f32, now: Timestamp) {
        self.record_at_least(seconds.max(FAILURE_PART * mean_seconds), mean_seconds, now);
    }

    #[inline]
    pub(super) fn read(&self, now: Timestamp) -> Peak {
        let stored = self.at.age_seconds(now).map(|age_seconds| Decaying {
            value: self.seconds.load(),
            age_seconds,
        });
        Peak { stored }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use std::time::Duration;

    const MEAN: f32 = 0.1;

    fn second(s: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(s)
    }

    #[test]
    fn a_peak_replaces_at_once_and_a_low_sample_does_not() {
        let cell = PeakCell::new();
        cell.record(0.01, second(0));
        cell.record(0.5, second(0));
        assert_eq!(cell.read(second(0)).seconds(MEAN), 0.5);
        cell.record(0.001, second(0) + Duration::from_millis(10));
        assert!(cell.read(second(0)).seconds(MEAN) > 0.49);
    }

    #[test]
    fn the_unknown_and_the_long_unseen_count_as_half_the_mean() {
        let cell = PeakCell::new();
        assert_eq!(cell.read(second(0)).seconds(MEAN), MEAN * 0.5);
        cell.record(5.0, second(0));
        let old = cell.read(second(600)).seconds(MEAN);
        assert!((old - MEAN * 0.5).abs() < 1e-4, "{old} after ten minutes");
    }

    #[test]
    fn a_fast_endpoint_is_not_forgotten_in_silence() {
        let cell = PeakCell::new();
        cell.record(0.01, second(0));
        assert_eq!(cell.read(second(600)).seconds(MEAN), 0.01);
    }

    #[test]
    fn a_failure_counts_as_twice_the_mean_or_its_age() {
        let cell = PeakCell::new();
        cell.record(0.01, second(0));
        cell.record_failure(0.001, MEAN, second(0));
        assert_eq!(cell.read(second(0)).seconds(MEAN), MEAN * 2.0);
        cell.record_failure(3.0, MEAN, second(0));
        assert_eq!(cell.read(second(0)).seconds(MEAN), 3.0);
    }

    #[test]
    fn silence_may_raise_but_not_lower() {
        let cell = PeakCell::new();
        cell.record(0.1, second(0));
        cell.record_at_least(0.001, MEAN, second(0));
        assert_eq!(cell.read(second(0)).seconds(MEAN), 0.1);
        cell.record_at_least(2.0, MEAN, second(0));
        assert_eq!(cell.read(second(0)).seconds(MEAN), 2.0);
    }
}
