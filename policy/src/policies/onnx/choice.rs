//! From costs to a choice: the lowest, but for exploration and a cap on one endpoint's share.
//!
//! Exploration is bounded: an even draw from all would send a hundredth of the requests to
//! endpoints that are known to be sick, and that hundredth is the 99 % quantile.

use super::OnnxSettings;
use crate::{
    policies::{
        Pick, PickKind,
        lowest::{Lowest, lowest},
        scratch::Scratch,
    },
    telemetry::{EndpointStats, cut},
    time::Timestamp,
};
use rand::RngExt;
use std::{cmp::Ordering, iter::zip, sync::Arc};

/// Of fewer recent requests no share is taken.
const MIN_RECENT_SENDS: f32 = 16.0;

#[derive(Debug)]
pub(super) struct Chooser {
    share_cap: f32,
    exploration: f32,
    /// How much above the lowest cost, a logarithm, exploration may go.
    exploration_margin: f32,
}

impl Chooser {
    pub(super) fn new(settings: &OnnxSettings) -> Self {
        Self {
            share_cap: settings.share_cap.max(1.0),
            exploration: cut(settings.exploration, 0.0, 1.0),
            exploration_margin: cut(settings.exploration_range, 1.0, f32::INFINITY).ln(),
        }
    }

    /// Chooses among the drawn candidates by their finite costs. Candidates over their cap get
    /// an infinite cost, unless all are.
    pub(super) fn choose(
        &self,
        endpoints: &[Arc<EndpointStats>],
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Option<Pick> {
        let least = scratch.costs.iter().copied().fold(f32::INFINITY, f32::min);
        self.apply_cap(endpoints, now, scratch);
        let Scratch {
            rng,
            sampler,
            costs,
            ..
        } = scratch;
        let best = lowest(costs.iter().copied(), rng)?;
        let worth = |cost: &f32| self.is_worth_exploring(*cost, &best);
        let worth_exploring = costs.iter().filter(|cost| worth(cost)).count();
        let (position, kind) = if rng.random::<f32>() < self.exploration {
            let drawn = rng.random_range(0..worth_exploring);
            let mut positions = (0..costs.len()).filter(|position| worth(&costs[*position]));
            (positions.nth(drawn)?, PickKind::Explored)
        } else if best.cost > least {
            (best.position, PickKind::Capped)
        } else {
            (best.position, PickKind::Policy)
        };
        Some(Pick {
            index: sampler.drawn()[position] as usize,
            propensity: self.propensity(costs[position], &best, worth_exploring),
            kind,
        })
    }

    /// Capped candidates, whose cost is infinite, are never worth it.
    fn is_worth_exploring(&self, cost: f32, best: &Lowest) -> bool {
        cost.is_finite() && cost <= best.cost + self.exploration_margin
    }

    /// Probability of a candidate of this cost, by exploration or by being the best.
    fn propensity(&self, cost: f32, best: &Lowest, worth_exploring: usize) -> f32 {
        let explored = self.exploration / worth_exploring as f32;
        let is_best = cost.total_cmp(&best.cost) == Ordering::Equal;
        let chosen = if is_best {
            (1.0 - self.exploration) * best.propensity()
        } else {
            0.0
        };
        explored + chosen
    }

    fn apply_cap(&self, endpoints: &[Arc<EndpointStats>], now: Timestamp, scratch: &mut Scratch) {
        let Scratch {
            sampler,
            costs,
            loads,
            ..
        } = scratch;
        let weight = |index: &u32| endpoints[*index as usize].weight() as f32;
        let drawn = sampler.drawn();
        loads.clear();
        loads.extend(
            drawn
                .iter()
                .map(|index| endpoints[*index as usize].recent_sends(now)),
        );
        let sends: f32 = loads.iter().sum();
        let weights: f32 = drawn.iter().map(weight).sum();
        if sends < MIN_RECENT_SENDS {
            return;
        }
        let cap_per_weight = self.share_cap * sends / weights;
        let is_over = |(index, own): (&u32, &f32)| *own > cap_per_weight * weight(index);
        if zip(drawn, &*loads).all(is_over) {
            return;
        }
        for (cost, of_candidate) in zip(costs, zip(drawn, &*loads)) {
            if is_over(of_candidate) {
                *cost = f32::INFINITY;
            }
        }
    }
}
