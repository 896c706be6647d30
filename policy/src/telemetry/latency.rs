//! Statistics of an endpoint's latency. All but one are relative to the mean of the request's
//! class, so that a heavy class does not make its endpoint look slow.

use super::{cell::F32Cell, cut::cut};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Weights of a new sample in the moving averages.
const FAST_ALPHA: f32 = 0.3;
const SLOW_ALPHA: f32 = 0.05;
/// Steps of the quantile estimate: down by a factor on a sample below it, up on one above.
/// `0.85^0.1 * 1.0182^0.9` is about 1, so that it rests where a tenth of the samples lie below.
const LOW_STEP_DOWN: f32 = 0.85;
const LOW_STEP_UP: f32 = 1.0182;

/// Latency divided by the mean of the class; 1.0 is like everyone's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelativeLatency {
    /// The last sample.
    pub last: f32,
    /// Moving average over some 3 samples.
    pub fast: f32,
    /// Moving average over some 20 samples.
    pub slow: f32,
    /// Estimate of the 10 % quantile.
    pub low: f32,
    /// Moving average of the latency divided by the requests in flight there, this one included.
    pub per_load: f32,
    /// Number of samples.
    pub samples: f32,
}

#[derive(Debug)]
pub(super) struct LatencyCell {
    last: F32Cell,
    fast: F32Cell,
    slow: F32Cell,
    low: F32Cell,
    per_load: F32Cell,
    samples: AtomicU32,
}

impl LatencyCell {
    pub(super) const fn new() -> Self {
        Self {
            last: F32Cell::new(1.0),
            fast: F32Cell::new(1.0),
            slow: F32Cell::new(1.0),
            low: F32Cell::new(0.3),
            per_load: F32Cell::new(0.5),
            samples: AtomicU32::new(0),
        }
    }

    /// Takes in a latency `relative` to the class mean, seen with `load` other requests in
    /// flight. Under the endpoint's lock.
    pub(super) fn record(&self, relative: f32, load: f32) {
        let relative = cut(relative, 0.02, 40.0);
        let samples = self.samples.load(Relaxed).saturating_add(1);
        self.samples.store(samples, Relaxed);
        // A plain mean until the weight is reached: the start values leave no trace.
        let mean_weight = 1.0 / samples as f32;
        let slow_alpha = mean_weight.max(SLOW_ALPHA);
        self.last.store(relative);
        self.fast.approach(relative, mean_weight.max(FAST_ALPHA));
        self.slow.approach(relative, slow_alpha);
        self.per_load
            .approach(relative / (1.0 + load.max(0.0)), slow_alpha);
        self.move_low(relative, samples);
    }

    #[inline]
    pub(super) fn samples(&self) -> f32 {
        self.samples.load(Relaxed) as f32
    }

    #[inline]
    pub(super) fn read(&self) -> RelativeLatency {
        RelativeLatency {
            last: self.last.load(),
            fast: self.fast.load(),
            slow: self.slow.load(),
            low: self.low.load(),
            per_load: self.per_load.load(),
            samples: self.samples.load(Relaxed) as f32,
        }
    }

    fn move_low(&self, relative: f32, samples: u32) {
        let low = self.low.load();
        let moved = if samples == 1 {
            relative
        } else if relative < low {
            low * LOW_STEP_DOWN
        } else {
            low * LOW_STEP_UP
        };
        self.low.store(moved.clamp(0.01, 20.0));
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_replaces_the_start_values() {
        let cell = LatencyCell::new();
        cell.record(3.0, 2.0);
        let read = cell.read();
        assert_eq!([read.last, read.fast, read.slow, read.low], [3.0; 4]);
        assert_eq!(read.per_load, 1.0);
    }

    #[test]
    fn the_low_estimate_settles_near_the_ten_percent_quantile() {
        let cell = LatencyCell::new();
        let (mut sum, mut count) = (0.0, 0.0);
        for i in 0..20_000u32 {
            // A fixed permutation of 0..1000, evenly spread.
            let uniform = (i.wrapping_mul(389) % 1000) as f32 / 1000.0;
            cell.record(1.0 + uniform, 0.0);
            if i > 1000 {
                sum += cell.read().low;
                count += 1.0;
            }
        }
        let mean = sum / count;
        assert!(
            (mean - 1.1).abs() < 0.1,
            "the quantile is 1.1, the estimate {mean}"
        );
    }

    #[test]
    fn absurd_samples_stay_finite() {
        let cell = LatencyCell::new();
        for sample in [f32::NAN, f32::INFINITY, -5.0, f32::MAX] {
            cell.record(sample, f32::NAN);
        }
        let read = cell.read();
        assert!(read.fast.is_finite() && read.per_load.is_finite() && read.low.is_finite());
    }
}
