//! Lowest expected latency: peak-sensitive latency times queue, times a factor for errors. Over
//! all candidates the best hand-written policy of the study; over two of them and without the
//! factor what Finagle and Linkerd do.

use super::{
    Decision, Pick, Policy,
    choices::{Choices, error_penalty},
};
use crate::{telemetry::EndpointStats, time::Timestamp};

/// Cost of an error, in requests: at an error rate of 1 an endpoint looks 21 times as slow.
pub(super) const ERROR_FACTOR: f32 = 20.0;

/// Chooses the lowest [`peak_ewma_cost`].
#[derive(Debug)]
pub(super) struct PeakEwma {
    choices: Choices,
    error_factor: f32,
}

impl PeakEwma {
    pub(super) fn new(choices: Choices, error_factor: f32) -> Self {
        Self {
            choices,
            error_factor,
        }
    }
}

impl Policy for PeakEwma {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        self.choices.lowest(decision, |endpoint| {
            cost(endpoint, mean_seconds, now) * error_penalty(endpoint, self.error_factor, now)
        })
    }
}

/// `peak latency * (in flight + 1) * (1 + 20 * error rate) / weight` in seconds, in a cluster
/// of mean latency `mean_seconds`. Above 0 and finite.
pub fn peak_ewma_cost(endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
    cost(endpoint, mean_seconds, now) * error_penalty(endpoint, ERROR_FACTOR, now)
}

fn cost(endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
    let latency = endpoint.peak_latency_seconds(mean_seconds, now);
    let queue = endpoint.in_flight() as f32 + 1.0;
    latency * queue / endpoint.weight() as f32
}
