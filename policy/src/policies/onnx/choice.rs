//! From costs to a choice: the lowest, but for exploration, a cap on one endpoint's share and the
//! part that a new one is owed.
//!
//! Exploration is bounded: an even draw from all would send a hundredth of the requests to
//! endpoints that are known to be sick, and that hundredth is the 99 % quantile.

use super::{OnnxSettings, shares::Shares};
use crate::{
    policies::{
        Decision, Pick, PickKind,
        lowest::{Lowest, lowest},
        scratch::Scratch,
    },
    telemetry::cut,
};
use rand::RngExt;
use std::cmp::Ordering;

#[derive(Debug)]
pub(super) struct Chooser {
    shares: Shares,
    exploration: f32,
    /// How much above the lowest cost, a logarithm, exploration may go.
    exploration_margin: f32,
}

impl Chooser {
    pub(super) fn new(settings: &OnnxSettings) -> Self {
        Self {
            shares: Shares::new(settings.share_cap),
            exploration: cut(settings.exploration, 0.0, 1.0),
            exploration_margin: cut(settings.exploration_range, 1.0, f32::INFINITY).ln(),
        }
    }

    /// Chooses among the drawn candidates by their finite costs. Candidates over their cap get
    /// an infinite cost, unless all are.
    pub(super) fn choose(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let least = decision.scratch.least_cost();
        self.shares.measure(decision);
        self.shares.apply_cap(decision.scratch);
        let Scratch { costs, rng, .. } = &mut *decision.scratch;
        let best = lowest(costs.iter().copied(), rng)?;
        let is_explored = rng.random::<f32>() < self.exploration;
        self.shares.find_owed(decision, best.position);
        let scratch = &mut *decision.scratch;
        let (position, kind) = if is_explored {
            (self.explore(&best, scratch)?, PickKind::Explored)
        } else if !scratch.owed.is_empty() {
            let drawn = scratch.rng.random_range(0..scratch.owed.len());
            (scratch.owed[drawn], PickKind::New)
        } else if best.cost > least {
            (best.position, PickKind::Capped)
        } else {
            (best.position, PickKind::Policy)
        };
        Some(Pick {
            index: scratch.sampler.drawn()[position] as usize,
            propensity: self.propensity(position, &best, scratch),
            kind,
        })
    }

    /// A position drawn evenly from those worth it.
    fn explore(&self, best: &Lowest, scratch: &mut Scratch) -> Option<usize> {
        let drawn = scratch
            .rng
            .random_range(0..self.worth_exploring(best, scratch));
        let costs = scratch.costs.iter().enumerate();
        let mut worth = costs.filter(|(_, cost)| self.is_worth_exploring(**cost, best));
        worth.nth(drawn).map(|(position, _)| position)
    }

    /// How many are worth exploring, at least the best.
    fn worth_exploring(&self, best: &Lowest, scratch: &Scratch) -> usize {
        let costs = scratch.costs.iter();
        costs
            .filter(|cost| self.is_worth_exploring(**cost, best))
            .count()
    }

    /// Capped candidates, whose cost is infinite, are never worth it.
    fn is_worth_exploring(&self, cost: f32, best: &Lowest) -> bool {
        cost.is_finite() && cost <= best.cost + self.exploration_margin
    }

    /// Probability of the candidate at `position`, by exploration or as the first choice.
    fn propensity(&self, position: usize, best: &Lowest, scratch: &Scratch) -> f32 {
        let Scratch { costs, owed, .. } = scratch;
        let cost = costs[position];
        let explored = if self.is_worth_exploring(cost, best) {
            1.0 / self.worth_exploring(best, scratch) as f32
        } else {
            0.0
        };
        let first = if owed.contains(&position) {
            1.0 / owed.len() as f32
        } else if owed.is_empty() && cost.total_cmp(&best.cost) == Ordering::Equal {
            best.propensity()
        } else {
            0.0
        };
        self.exploration * explored + (1.0 - self.exploration) * first
    }
}
