//! Buffers and chance of one thread.

use crate::{features::FeatureMatrix, model::Workspace};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Up to this many candidates a full scan is made: in simulation the largest single win over
/// two choices, while the cost of a decision grows with them.
const FULL_SCAN: usize = 32;
/// Of more candidates this many are drawn: of 64 it costs some 2 % of the mean latency.
const SAMPLE: usize = 16;
/// Where a cheap cost tells which of those drawn are worth a closer look, this many are drawn and
/// as many as in a sample kept.
const WIDE_SAMPLE: usize = 48;

/// Buffers and chance of one thread, reused from decision to decision.
#[derive(Debug)]
pub struct Scratch {
    pub(super) rng: Xoshiro256PlusPlus,
    pub(super) sampler: Sampler,
    pub(super) costs: Vec<f32>,
    pub(super) loads: Vec<f32>,
    pub(super) owed: Vec<usize>,
    pub(super) sorted: Vec<f32>,
    pub(super) features: FeatureMatrix,
    pub(super) workspace: Workspace,
    ranked: Vec<Ranked>,
}

/// An index and its cost.
type Ranked = (f32, u32);

/// Draws candidates without replacement.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// Some order of all indices. It stays shuffled from draw to draw: the start of a random
    /// shuffle is uniform whatever the order before.
    order: Vec<u32>,
    drawn: usize,
}

impl Scratch {
    /// Buffers for one thread, drawing from `seed`.
    pub fn from_seed(seed: u64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            sampler: Sampler::default(),
            costs: Vec::new(),
            loads: Vec::new(),
            owed: Vec::new(),
            sorted: Vec::new(),
            features: FeatureMatrix::default(),
            workspace: Workspace::default(),
            ranked: Vec::new(),
        }
    }
}

impl Scratch {
    /// Draws all indices below `total` if they are few, else those of the lowest costs in a wide
    /// sample; `cost` is asked only then.
    pub(super) fn draw_all_or_lowest(&mut self, total: usize, cost: impl Fn(usize) -> f32) {
        if total <= FULL_SCAN {
            self.sampler.draw(total, total, &mut self.rng);
            return;
        }
        let drawn = self.sampler.draw(total, WIDE_SAMPLE, &mut self.rng);
        self.ranked.clear();
        let costs = drawn.iter().map(|index| (cost(*index as usize), *index));
        self.ranked.extend(costs);
        let by_cost = |a: &Ranked, b: &Ranked| a.0.total_cmp(&b.0);
        self.ranked.select_nth_unstable_by(SAMPLE - 1, by_cost);
        self.sampler.keep(&self.ranked, SAMPLE);
    }

    /// The least of the costs, infinite without any.
    pub(super) fn least_cost(&self) -> f32 {
        self.costs.iter().copied().fold(f32::INFINITY, f32::min)
    }

    /// A number drawn uniformly from [0, 1).
    pub fn uniform(&mut self) -> f32 {
        self.rng.random()
    }
}

impl Sampler {
    /// All indices below `total` if they are few, else a sample. Each is there once.
    pub(super) fn all_or_sample(&mut self, total: usize, rng: &mut Xoshiro256PlusPlus) -> &[u32] {
        let count = if total <= FULL_SCAN { total } else { SAMPLE };
        self.draw(total, count, rng)
    }

    /// `count` different indices below `total`, or all when there are no more.
    pub(super) fn draw(
        &mut self,
        total: usize,
        count: usize,
        rng: &mut Xoshiro256PlusPlus,
    ) -> &[u32] {
        if self.order.len() != total {
            self.order.clear();
            self.order.extend(0..total as u32);
        }
        if count < total {
            for place in 0..count {
                let other = rng.random_range(place..total);
                self.order.swap(place, other);
            }
        }
        self.drawn = count.min(total);
        self.drawn()
    }

    /// Puts the drawn indices into the given order and keeps the first `count`.
    fn keep(&mut self, ranked: &[Ranked], count: usize) {
        for (place, (_, index)) in self.order.iter_mut().zip(ranked) {
            *place = *index;
        }
        self.drawn = count.min(ranked.len());
    }

    /// What was drawn last.
    pub(super) fn drawn(&self) -> &[u32] {
        &self.order[..self.drawn]
    }

    /// Makes sure that `index` is among the drawn, in place of the first if need be.
    pub(super) fn include(&mut self, index: usize) {
        let place = self.order.iter().position(|other| *other as usize == index);
        if let Some(place) = place.filter(|place| *place >= self.drawn) {
            self.order.swap(0, place);
        }
    }

    /// Draws the indices below `total` for which `wanted` holds.
    pub(super) fn draw_where(&mut self, total: usize, mut wanted: impl FnMut(usize) -> bool) {
        self.order.clear();
        self.order.extend(0..total as u32);
        let mut kept = 0;
        for index in 0..total {
            if wanted(index) {
                self.order.swap(kept, index);
                kept += 1;
            }
        }
        self.drawn = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn few_are_all_drawn_and_of_many_sixteen_different_ones() {
        let mut scratch = Scratch::from_seed(1);
        for total in [0, 1, 2, 32, 33, 500] {
            let drawn = scratch.sampler.all_or_sample(total, &mut scratch.rng);
            let different: HashSet<_> = drawn.iter().collect();
            assert_eq!(different.len(), drawn.len());
            assert_eq!(drawn.len(), if total <= 32 { total } else { 16 });
            assert!(drawn.iter().all(|index| (*index as usize) < total));
        }
    }

    #[test]
    fn of_many_the_lowest_of_a_wide_sample_are_drawn() {
        let mut scratch = Scratch::from_seed(4);
        let cost = |index: usize| (index / 10) as f32;
        for total in [0, 1, 32] {
            scratch.draw_all_or_lowest(total, |_| unreachable!("no cost is needed"));
            assert_eq!(scratch.sampler.drawn().len(), total);
        }
        // All 40 are drawn, 48 being more.
        scratch.draw_all_or_lowest(40, cost);
        assert_eq!(scratch.sampler.drawn().len(), 16);
        assert!(scratch.sampler.drawn().iter().all(|index| *index < 20));
        // Of 500 the lowest are most likely in a wide sample, and none is there twice.
        let mut low = 0;
        for _ in 0..1000 {
            scratch.draw_all_or_lowest(500, cost);
            let drawn = scratch.sampler.drawn();
            assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 16);
            low += drawn.iter().filter(|index| **index < 10).count();
        }
        // Each of the ten is in 48 of 500 samples, and always kept there.
        assert!((850..1070).contains(&low), "{low}");
        let order: HashSet<_> = scratch.sampler.order.iter().collect();
        assert_eq!(order.len(), 500);
    }

    #[test]
    fn each_candidate_is_drawn_about_equally_often() {
        let mut scratch = Scratch::from_seed(2);
        let mut counts = [0u32; 40];
        for _ in 0..20_000 {
            for index in scratch.sampler.draw(40, 2, &mut scratch.rng) {
                counts[*index as usize] += 1;
            }
        }
        // 1000 are expected, with a standard deviation of 31.
        assert!(
            counts.iter().all(|count| (840..1160).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn only_wanted_candidates_are_drawn() {
        let mut scratch = Scratch::from_seed(3);
        scratch.sampler.draw_where(10, |index| index % 3 == 0);
        assert_eq!(scratch.sampler.drawn(), [0, 3, 6, 9]);
    }
}
