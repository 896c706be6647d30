//! Lowest expected latency: peak-sensitive latency times queue, times a factor for errors. The
//! best hand-written policy of the study.

use super::{Decision, Pick, Policy, lowest::lowest, scratch::Scratch};
use crate::{telemetry::EndpointStats, time::Timestamp};

/// Cost of an error, in requests: at an error rate of 1 an endpoint looks 21 times as slow.
const ERROR_COST: f32 = 20.0;

/// Chooses the lowest [`peak_ewma_cost`], among all candidates up to 32, else of 16 of them.
#[derive(Debug)]
pub(super) struct PeakEwma;

impl Policy for PeakEwma {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let endpoints = decision.candidates.endpoints();
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        let Scratch { rng, sampler, .. } = &mut *decision.scratch;
        let sample = sampler.all_or_sample(endpoints.len(), rng);
        let cost = |index: &u32| peak_ewma_cost(&endpoints[*index as usize], mean_seconds, now);
        let found = lowest(sample.iter().map(cost), rng)?;
        Some(Pick::own(
            sample[found.position] as usize,
            found.propensity(),
        ))
    }
}

/// `peak latency * (in flight + 1) * (1 + 20 * error rate) / weight` in seconds, in a cluster
/// of mean latency `mean_seconds`. Above 0 and finite.
pub fn peak_ewma_cost(endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
    let latency = endpoint.peak_latency_seconds(mean_seconds, now);
    let queue = endpoint.in_flight() as f32 + 1.0;
    let errors = 1.0 + ERROR_COST * endpoint.error_rate(now);
    latency * queue * errors / endpoint.weight() as f32
}
