//! Fewest own requests in flight for its weight, among a few random candidates or all.

use super::{Choices, Decision, Pick, Policy, lowest::lowest, scratch::Scratch};
use crate::telemetry::EndpointStats;

/// Chooses the least `(in flight + 1) / weight`.
#[derive(Debug)]
pub(super) struct LeastRequest {
    choices: Choices,
}

impl LeastRequest {
    pub(super) fn new(choices: Choices) -> Self {
        Self { choices }
    }
}

impl Policy for LeastRequest {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let endpoints = decision.candidates.endpoints();
        let Scratch { rng, sampler, .. } = &mut *decision.scratch;
        let count = match self.choices {
            Choices::All => endpoints.len(),
            Choices::Of(count) => count.get(),
        };
        let sample = sampler.draw(endpoints.len(), count, rng);
        let found = lowest(
            sample.iter().map(|index| cost(&endpoints[*index as usize])),
            rng,
        )?;
        Some(Pick::own(
            sample[found.position] as usize,
            found.propensity(),
        ))
    }
}

fn cost(endpoint: &EndpointStats) -> f32 {
    (endpoint.in_flight() as f32 + 1.0) / endpoint.weight() as f32
}
