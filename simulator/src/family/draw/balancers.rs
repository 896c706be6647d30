//! Balancers: their traffic, their settings and what they are told.

use crate::{
    family::{
        knobs::{self, Balancers, HealthChecks, Outliers, Timeout},
        stream::Stream,
    },
    scenario::{HealthCheck, Information, Outlier, Registry},
};

/// Shares of the traffic.
pub(super) fn shares(balancers: &Balancers, stream: &Stream) -> Vec<f64> {
    let traffic: Vec<f64> = (0..balancers.count)
        .map(|i| stream.item(i).uniform(1.0, balancers.skew))
        .collect();
    let sum: f64 = traffic.iter().sum();
    traffic.iter().map(|one| one / sum).collect()
}

/// When requests are given up.
pub(super) fn timeout(timeout: &Timeout, mean_work: f64) -> f64 {
    /// Nobody sets a time-out of microseconds because work is that short.
    const MEAN_WORK_MIN: f64 = 0.002;
    timeout
        .seconds
        .unwrap_or(timeout.times_mean_work * mean_work.max(MEAN_WORK_MIN))
}

pub(super) fn health_check(checks: &HealthChecks) -> Option<HealthCheck> {
    checks.enabled.then_some(HealthCheck {
        interval: checks.interval_seconds,
        timeout: checks.timeout_seconds,
        work: checks.work_seconds,
        noise: checks.noise_seconds,
        healthy_threshold: checks.healthy_threshold,
        unhealthy_threshold: checks.unhealthy_threshold,
    })
}

pub(super) fn outlier(outliers: &Outliers) -> Option<Outlier> {
    outliers.enabled.then_some(Outlier {
        errors_in_a_row: outliers.errors_in_a_row,
        interval: outliers.interval_seconds,
        base_ejection: outliers.base_ejection_seconds,
        max_ejection: outliers.max_ejection_share,
        min_error_ratio: outliers.min_error_ratio as f32,
    })
}

pub(super) fn information(information: &knobs::Information) -> Information {
    let registry = &information.registry;
    Information {
        piggyback: information.piggyback,
        momentary_utilization: information.momentary_utilization,
        registry: registry.enabled.then_some(Registry {
            interval: registry.interval_seconds,
            lag: registry.lag_seconds,
        }),
    }
}
