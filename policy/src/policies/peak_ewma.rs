//! Lowest expected latency: peak-sensitive latency times queue, times a factor for errors. Over
//! all candidates the best hand-written policy of the study; over two of them and without the
//! factor what Finagle and Linkerd do.

use super::{
    Decision, Pick, Policy,
    choices::{Choices, error_penalty},
};
use crate::{telemetry::EndpointStats, time::Timestamp};

/// After so many samples an endpoint's own peak is all that counts.
const KNOWN_SAMPLES: f32 = 100.0;
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
        // Two drawn at random flood nobody, and should not cost a look at all.
        let usual_seconds = match self.choices {
            Choices::All => usual_peak_seconds(decision),
            Choices::Of(_) => None,
        };
        self.choices.lowest(decision, |endpoint| {
            let peak = endpoint.peak_latency_seconds(mean_seconds, now);
            let latency = believed(peak, endpoint.latency_samples(), usual_seconds);
            let queue = endpoint.in_flight() as f32 + 1.0;
            let errors = error_penalty(endpoint, self.error_factor, now);
            latency * queue * errors / endpoint.weight() as f32
        })
    }
}

/// `peak latency * (in flight + 1) * (1 + 20 * error rate) / weight` in seconds, in a cluster
/// of mean latency `mean_seconds`: what the policy minimises among endpoints that are all
/// known. Above 0 and finite.
pub fn peak_ewma_cost(endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
    let latency = endpoint.peak_latency_seconds(mean_seconds, now);
    let queue = endpoint.in_flight() as f32 + 1.0;
    latency * queue * error_penalty(endpoint, ERROR_FACTOR, now) / endpoint.weight() as f32
}

/// Mean peak latency of the endpoints that are known; `None` while all are, or none.
fn usual_peak_seconds(decision: &Decision<'_>) -> Option<f32> {
    let endpoints = decision.candidates.endpoints();
    let is_known = |endpoint: &EndpointStats| endpoint.latency_samples() >= KNOWN_SAMPLES;
    if endpoints.iter().all(|endpoint| is_known(endpoint)) {
        return None;
    }
    let mean_seconds = decision.cluster.mean_latency_seconds();
    let (mut sum, mut count) = (0.0, 0.0);
    for endpoint in endpoints.iter().filter(|endpoint| is_known(endpoint)) {
        sum += endpoint.peak_latency_seconds(mean_seconds, decision.now);
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

/// The latency that an endpoint is believed to have: at first the usual one, with each sample
/// more its own. Where all are compared, the low peak of an unknown endpoint would draw a flood,
/// and the slow answers that the flood causes would then keep all traffic away until they have
/// faded.
fn believed(peak_seconds: f32, samples: f32, usual_seconds: Option<f32>) -> f32 {
    let belief = (samples / KNOWN_SAMPLES).min(1.0);
    usual_seconds.map_or(peak_seconds, |usual| {
        usual + (peak_seconds - usual) * belief
    })
}
