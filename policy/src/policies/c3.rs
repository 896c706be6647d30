//! C3 (Suresh et al., NSDI 2015): response time with a cubic penalty for the queue, over all
//! candidates. Differs from the paper in that what was measured long ago fades: otherwise an
//! endpoint that was slow once would not be tried again while load is low.

use super::{Decision, Pick, Policy, lowest::lowest, scratch::Scratch};
use crate::{
    telemetry::{EndpointStats, keep},
    time::Timestamp,
};

/// Seconds after which a measurement has lost all but 1/e.
const FADING_SECONDS: f32 = 10.0;
/// What the unmeasured counts as, as a part of the cluster's mean latency.
const UNKNOWN_PART: f32 = 0.5;

/// Chooses the lowest rank of C3.
#[derive(Debug)]
pub(super) struct C3 {
    /// How many balancers send to the same endpoints, this one included.
    balancers: f32,
}

impl C3 {
    pub(super) fn new(balancers: u32) -> Self {
        Self {
            balancers: balancers.max(1) as f32,
        }
    }

    /// `R - s + q^3 s` with response time R, service time s and the estimated queue q, of which
    /// own requests count once for every balancer.
    fn rank(&self, endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
        let times = endpoint.response_times();
        let age_seconds = endpoint.since_response_seconds(now);
        let service = faded(times.service_seconds, age_seconds, mean_seconds);
        let response = faded(times.response_seconds, age_seconds, mean_seconds);
        let queue = 1.0 + endpoint.in_flight() as f32 * self.balancers + times.queue;
        response - service + queue * queue * queue * service
    }
}

impl Policy for C3 {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        let endpoints = decision.candidates.endpoints();
        let Scratch { rng, .. } = &mut *decision.scratch;
        let ranks = endpoints
            .iter()
            .map(|endpoint| self.rank(endpoint, mean_seconds, now));
        let found = lowest(ranks, rng)?;
        Some(Pick::own(found.position, found.propensity()))
    }
}

/// A latency measured `age_seconds` ago; half the mean when never measured, and what a slower
/// one fades to.
pub(super) fn faded(seconds: f32, age_seconds: f32, mean_seconds: f32) -> f32 {
    let unknown = mean_seconds * UNKNOWN_PART;
    if seconds <= 0.0 {
        return unknown;
    }
    let floor = seconds.min(unknown);
    floor + (seconds - floor) * keep(age_seconds / FADING_SECONDS)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_slow_measurement_fades_and_a_fast_one_stays() {
        assert_eq!(faded(4.0, 0.0, 0.1), 4.0);
        assert!((faded(4.0, 1000.0, 0.1) - 0.05).abs() < 1e-6);
        assert_eq!(faded(0.01, 1000.0, 0.1), 0.01);
        assert_eq!(faded(0.0, 0.0, 0.1), 0.05);
    }
}
