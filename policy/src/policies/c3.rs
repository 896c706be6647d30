//! C3 (Suresh et al., NSDI 2015): response time with a cubic penalty for the queue, over all
//! candidates. It differs from the paper in two points: what was measured long ago fades, and
//! the service time is an estimate from here, own latency over the requests in flight there,
//! where the servers of the paper (and of the study) report the time they really took.

use super::{
    Decision, Pick, Policy,
    choices::{Choices, error_penalty},
    fading::faded,
};
use crate::{telemetry::EndpointStats, time::Timestamp};

/// Chooses the lowest rank of C3, times a factor for errors.
#[derive(Debug)]
pub(super) struct C3 {
    /// How many balancers send to the same endpoints, this one included.
    balancers: f32,
    error_factor: f32,
}

impl C3 {
    pub(super) fn new(balancers: u32, error_factor: f32) -> Self {
        Self {
            balancers: balancers.max(1) as f32,
            error_factor,
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
        let rank = response - service + queue * queue * queue * service;
        rank * error_penalty(endpoint, self.error_factor, now)
    }
}

impl Policy for C3 {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        Choices::All.lowest(decision, |endpoint| self.rank(endpoint, mean_seconds, now))
    }
}
