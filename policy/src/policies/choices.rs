//! How many candidates a policy compares, and the comparison itself.

use super::{Decision, Pick, lowest::lowest, scratch::Scratch};
use crate::{telemetry::EndpointStats, time::Timestamp};
use std::num::NonZeroUsize;

/// Beyond this a factor for errors adds nothing, and below infinity its product is a number.
const MAX_ERROR_FACTOR: f32 = 1e6;

/// How many candidates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// That many, drawn at random.
    Of(NonZeroUsize),
    /// All of them.
    All,
}

impl Choices {
    /// Two choices, the default of `least_request`.
    pub const TWO: Self = Self::Of(NonZeroUsize::new(2).expect("2 is not 0"));

    /// The candidate with the lowest cost among those compared.
    pub(super) fn lowest(
        self,
        decision: &mut Decision<'_>,
        cost: impl Fn(&EndpointStats) -> f32,
    ) -> Option<Pick> {
        let endpoints = decision.candidates.endpoints();
        let Scratch { rng, sampler, .. } = &mut *decision.scratch;
        let count = match self {
            Self::All => endpoints.len(),
            Self::Of(count) => count.get(),
        };
        let sample = sampler.draw(endpoints.len(), count, rng);
        let costs = sample.iter().map(|index| cost(&endpoints[*index as usize]));
        let found = lowest(costs, rng)?;
        Some(Pick::own(
            sample[found.position] as usize,
            found.propensity(),
        ))
    }
}

/// `1 + factor * recent error rate`: what a cost is multiplied by where failures count as slow.
/// With a factor of 20 an endpoint that only fails looks 21 times as slow.
#[inline]
pub(super) fn error_penalty(endpoint: &EndpointStats, factor: f32, now: Timestamp) -> f32 {
    if factor > 0.0 {
        1.0 + factor.min(MAX_ERROR_FACTOR) * endpoint.error_rate(now)
    } else {
        1.0
    }
}
