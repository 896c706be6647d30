//! The hot-cold rule of Prequal (Wydrowski et al., NSDI 2024) over the load that comes with
//! responses: among the candidates that are not hot, the one with the lowest latency. It sends
//! no probes: the last report with own requests since then takes their place.

use super::{Decision, Pick, Policy, fading::faded, lowest::lowest, scratch::Scratch};
use crate::{
    telemetry::{EndpointStats, cut},
    time::Timestamp,
};

/// A reported queue that is older says less than own requests in flight.
const LOAD_MAX_AGE_SECONDS: f32 = 1.0;
/// A reported latency that is older says less than own measurements.
const LATENCY_MAX_AGE_SECONDS: f32 = 5.0;

/// Chooses the lowest latency among those below a quantile of the load.
#[derive(Debug)]
pub(super) struct Prequal {
    quantile: f32,
}

impl Prequal {
    /// `quantile` of the load, from 0 to 1, above which a candidate is hot.
    pub(super) fn new(quantile: f32) -> Self {
        Self {
            quantile: cut(quantile, 0.0, 1.0),
        }
    }
}

impl Policy for Prequal {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let endpoints = decision.candidates.endpoints();
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        let Scratch {
            rng,
            sampler,
            costs,
            loads,
            sorted,
            ..
        } = &mut *decision.scratch;
        let sample = sampler.all_or_sample(endpoints.len(), rng);
        loads.clear();
        costs.clear();
        for index in sample {
            let endpoint = &endpoints[*index as usize];
            loads.push(load(endpoint, now));
            costs.push(latency_seconds(endpoint, mean_seconds, now));
        }
        make_hot_infinite(costs, loads, sorted, self.quantile);
        let found = lowest(costs.iter().copied(), rng)?;
        Some(Pick::own(
            sample[found.position] as usize,
            found.propensity(),
        ))
    }
}

/// Requests in flight at the endpoint, as far as known.
fn load(endpoint: &EndpointStats, now: Timestamp) -> f32 {
    let own = endpoint.in_flight() as f32;
    let report = endpoint
        .piggybacked(now)
        .filter(|r| r.age_seconds < LOAD_MAX_AGE_SECONDS);
    report
        .and_then(|report| report.in_flight_now(own))
        .unwrap_or(own)
}

fn latency_seconds(endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
    let report = endpoint
        .piggybacked(now)
        .filter(|r| r.age_seconds < LATENCY_MAX_AGE_SECONDS);
    report
        .and_then(|report| report.latency_seconds)
        .unwrap_or_else(|| {
            let own = endpoint.response_times().response_seconds;
            faded(own, endpoint.since_response_seconds(now), mean_seconds)
        })
}

/// Makes the cost of hot candidates infinite. The least loaded are never hot, so the rule "if
/// all are hot, the least loaded" needs no case of its own.
fn make_hot_infinite(costs: &mut [f32], loads: &[f32], sorted: &mut Vec<f32>, quantile: f32) {
    if loads.is_empty() {
        return;
    }
    sorted.clear();
    sorted.extend_from_slice(loads);
    sorted.sort_unstable_by(f32::total_cmp);
    let least = sorted[0];
    let threshold = sorted[((sorted.len() - 1) as f32 * quantile) as usize];
    for (cost, load) in costs.iter_mut().zip(loads) {
        let is_cold = *load < threshold || *load <= least;
        if !is_cold {
            *cost = f32::INFINITY;
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_hot_are_excluded_and_the_least_loaded_never() {
        let mut costs = [1.0, 2.0, 3.0, 4.0];
        make_hot_infinite(&mut costs, &[9.0, 5.0, 0.0, 7.0], &mut Vec::new(), 0.4);
        assert_eq!(costs, [f32::INFINITY, f32::INFINITY, 3.0, f32::INFINITY]);
        let mut costs = [1.0, 2.0];
        make_hot_infinite(&mut costs, &[4.0, 4.0], &mut Vec::new(), 0.4);
        assert_eq!(costs, [1.0, 2.0]);
    }
}
