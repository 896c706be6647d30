//! Weighted random choice.

use super::{Candidates, Decision, Pick, Policy};
use rand::RngExt;

/// Chooses at random, in proportion to the weights.
#[derive(Debug)]
pub(super) struct Random;

impl Policy for Random {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        weighted(decision.candidates, &mut decision.scratch.rng)
    }
}

pub(super) fn weighted(candidates: &Candidates, rng: &mut impl RngExt) -> Option<Pick> {
    let sums = candidates.cumulative_weights();
    let total = *sums.last()?;
    let point = rng.random_range(0..total);
    let index = sums.partition_point(|sum| *sum <= point);
    let below = if index == 0 { 0 } else { sums[index - 1] };
    Some(Pick::own(
        index,
        (sums[index] - below) as f32 / total as f32,
    ))
}
