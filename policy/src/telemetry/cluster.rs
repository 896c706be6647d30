//! What is known of a whole cluster from its own traffic: the scale that everything about
//! its endpoints is measured in.

use super::cell::F32Cell;
use crate::request::{CLASS_SLOTS, Class};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// Mean latency that is assumed before the first sample, in seconds.
pub const ASSUMED_LATENCY_SECONDS: f32 = 0.1;

/// Least weights of a new sample; before that the averages are plain means.
const MEAN_ALPHA: f32 = 0.005;
const CLASS_ALPHA: f32 = 0.01;
const ERROR_ALPHA: f32 = 0.01;
/// Latencies are cut to this range, so that ratios of them are finite: a microsecond, a day.
const MIN_LATENCY_SECONDS: f32 = 1e-6;
const MAX_LATENCY_SECONDS: f32 = 86_400.0;

/// What is known of a whole cluster from its own traffic.
#[derive(Debug)]
pub struct ClusterStats {
    mean_seconds: F32Cell,
    samples: AtomicU32,
    error_rate: F32Cell,
    classes: [ClassCell; CLASS_SLOTS],
    writing: Mutex<()>,
}

/// Latency of one class of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassReading {
    /// Mean latency in seconds; the cluster's while the class has no sample.
    pub mean_seconds: f32,
    /// Squared coefficient of variation, variance over squared mean; 1 without a sample.
    pub squared_variation: f32,
    /// Number of samples.
    pub samples: u32,
}

#[derive(Debug)]
struct ClassCell {
    mean_seconds: F32Cell,
    second_moment: F32Cell,
    samples: AtomicU32,
}

impl ClusterStats {
    /// A cluster without any traffic yet.
    pub fn new() -> Self {
        Self {
            mean_seconds: F32Cell::new(ASSUMED_LATENCY_SECONDS),
            samples: AtomicU32::new(0),
            error_rate: F32Cell::new(0.0),
            classes: std::array::from_fn(|_| ClassCell::new()),
            writing: Mutex::new(()),
        }
    }

    /// Mean latency in seconds, above 0; [`ASSUMED_LATENCY_SECONDS`] before the first sample.
    #[inline]
    pub fn mean_latency_seconds(&self) -> f32 {
        self.mean_seconds.load()
    }

    /// Part of the recent requests that failed, from 0 to 1.
    #[inline]
    pub fn error_rate(&self) -> f32 {
        self.error_rate.load()
    }

    /// Number of latency samples.
    pub fn samples(&self) -> u32 {
        self.samples.load(Relaxed)
    }

    /// Latency of one class.
    #[inline]
    pub fn class(&self, class: Class) -> ClassReading {
        let cell = &self.classes[class.slot()];
        let samples = cell.samples.load(Relaxed);
        if samples == 0 {
            let mean_seconds = self.mean_latency_seconds();
            return ClassReading {
                mean_seconds,
                squared_variation: 1.0,
                samples,
            };
        }
        let mean_seconds = cell.mean_seconds.load();
        let relative_moment = cell.second_moment.load() / (mean_seconds * mean_seconds);
        ClassReading {
            mean_seconds,
            squared_variation: (relative_moment - 1.0).max(0.0),
            samples,
        }
    }

    /// How many average requests one of this class counts as.
    pub(super) fn work(&self, class: Class) -> f32 {
        self.class(class).mean_seconds / self.mean_latency_seconds()
    }

    /// Takes in one result, with its latency where that says something.
    pub(super) fn record(&self, class: Class, latency: Option<Duration>, is_error: bool) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.error_rate
            .approach(if is_error { 1.0 } else { 0.0 }, ERROR_ALPHA);
        if let Some(latency) = latency {
            let seconds = latency
                .as_secs_f32()
                .clamp(MIN_LATENCY_SECONDS, MAX_LATENCY_SECONDS);
            let alpha = next_alpha(&self.samples, MEAN_ALPHA);
            self.mean_seconds.approach(seconds, alpha);
            self.classes[class.slot()].record(seconds);
        }
    }
}

impl Default for ClusterStats {
    fn default() -> Self {
        Self::new()
    }
}

impl ClassCell {
    const fn new() -> Self {
        Self {
            mean_seconds: F32Cell::new(0.0),
            second_moment: F32Cell::new(0.0),
            samples: AtomicU32::new(0),
        }
    }

    fn record(&self, seconds: f32) {
        let first = self.samples.load(Relaxed) == 0;
        if first {
            // Before the count, so that a reader that sees a count divides by a mean above 0.
            self.mean_seconds.store(seconds);
            self.second_moment.store(seconds * seconds);
        }
        let alpha = next_alpha(&self.samples, CLASS_ALPHA);
        self.mean_seconds.approach(seconds, alpha);
        self.second_moment.approach(seconds * seconds, alpha);
    }
}

/// Counts a sample and gives its weight: that of a plain mean, but at least `least`.
fn next_alpha(samples: &AtomicU32, least: f32) -> f32 {
    let count = samples.load(Relaxed).saturating_add(1);
    samples.store(count, Relaxed);
    (1.0 / count as f32).max(least)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_replaces_the_assumption() {
        let cluster = ClusterStats::new();
        assert_eq!(cluster.mean_latency_seconds(), ASSUMED_LATENCY_SECONDS);
        cluster.record(Class::default(), Some(Duration::from_millis(4)), false);
        assert!((cluster.mean_latency_seconds() - 0.004).abs() < 1e-6);
    }

    #[test]
    fn classes_are_apart_and_an_unseen_one_counts_as_average() {
        let cluster = ClusterStats::new();
        let (light, heavy, unseen) = (Class::of_route(0), Class::of_route(1), Class::of_route(99));
        for _ in 0..100 {
            cluster.record(light, Some(Duration::from_millis(1)), false);
            cluster.record(heavy, Some(Duration::from_millis(9)), false);
        }
        assert!((cluster.class(light).mean_seconds - 0.001).abs() < 1e-6);
        assert!((cluster.class(heavy).mean_seconds - 0.009).abs() < 1e-6);
        assert!(cluster.class(heavy).squared_variation < 1e-3);
        assert_eq!(cluster.work(unseen), 1.0);
    }

    #[test]
    fn results_without_latency_count_for_the_error_rate_alone() {
        let cluster = ClusterStats::new();
        for _ in 0..1000 {
            cluster.record(Class::default(), None, true);
        }
        assert!(cluster.error_rate() > 0.99);
        assert_eq!(cluster.samples(), 0);
    }

    #[test]
    fn absurd_latencies_leave_finite_positive_statistics() {
        let cluster = ClusterStats::new();
        for latency in [Duration::ZERO, Duration::MAX] {
            cluster.record(Class::default(), Some(latency), false);
            let class = cluster.class(Class::default());
            assert!(class.mean_seconds > 0.0 && class.mean_seconds.is_finite());
            assert!(class.squared_variation.is_finite());
        }
    }
}
