//! Smooth weighted round robin: each endpoint comes as often as its weight says, spread evenly.

use super::{Decision, Pick, Policy};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Longest schedule. Weights that need a longer one are rounded to fit, to a 16th of a per
/// cent of the whole; an endpoint keeps at least one turn.
const MAX_TURNS: u64 = 4096;

/// Goes round the candidates.
#[derive(Debug, Default)]
pub(super) struct RoundRobin {
    turn: AtomicUsize,
}

/// The order of turns for one set of weights.
#[derive(Debug)]
pub(super) struct Schedule {
    turns: Vec<u32>,
    shares: Vec<f32>,
}

impl Policy for RoundRobin {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let schedule = decision.candidates.schedule();
        if schedule.turns.is_empty() {
            return None;
        }
        let turn = self.turn.fetch_add(1, Relaxed) % schedule.turns.len();
        let index = schedule.turns[turn] as usize;
        Some(Pick::own(index, schedule.shares[index]))
    }
}

impl Schedule {
    pub(super) fn of(weights: &[u32]) -> Self {
        let counts = turn_counts(weights);
        let total: u64 = counts.iter().sum();
        Self {
            turns: spread(&counts),
            shares: counts
                .iter()
                .map(|count| *count as f32 / total as f32)
                .collect(),
        }
    }
}

/// Turns of each endpoint in one round: the weights by their common divisor.
fn turn_counts(weights: &[u32]) -> Vec<u64> {
    let divisor = u64::from(weights.iter().copied().fold(0, greatest_common_divisor)).max(1);
    let counts: Vec<u64> = weights
        .iter()
        .map(|weight| u64::from(*weight) / divisor)
        .collect();
    let total: u64 = counts.iter().sum();
    if total <= MAX_TURNS {
        return counts;
    }
    counts
        .iter()
        .map(|count| (count * MAX_TURNS / total).max(1))
        .collect()
}

/// Puts the `k`-th of an endpoint's `n` turns at `(k + 1/2) / n` of the round.
fn spread(counts: &[u64]) -> Vec<u32> {
    let mut turns: Vec<(f64, u32)> = Vec::new();
    for (index, count) in (0u32..).zip(counts) {
        let place = |turn: u64| (turn as f64 + 0.5) / *count as f64;
        turns.extend((0..*count).map(|turn| (place(turn), index)));
    }
    turns.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    turns.into_iter().map(|(_, index)| index).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turns_of_a_heavy_endpoint_are_spread() {
        let schedule = Schedule::of(&[4, 2, 2]);
        assert_eq!(schedule.turns, [0, 1, 2, 0]);
    }

    proptest! {
        #[test]
        fn one_round_has_exactly_the_shares_of_the_weights(
            weights in proptest::collection::vec(1u32..60, 1..40),
        ) {
            let schedule = Schedule::of(&weights);
            let total: u32 = weights.iter().sum();
            for (index, weight) in weights.iter().enumerate() {
                let turns = schedule.turns.iter().filter(|turn| **turn == index as u32).count();
                prop_assert_eq!(turns * total as usize, schedule.turns.len() * *weight as usize);
            }
        }

        #[test]
        fn a_round_is_bounded_and_leaves_no_one_out(
            weights in proptest::collection::vec(1u32.., 1..40),
        ) {
            let schedule = Schedule::of(&weights);
            prop_assert!(schedule.turns.len() as u64 <= MAX_TURNS + 40);
            for index in 0..weights.len() as u32 {
                prop_assert!(schedule.turns.contains(&index));
            }
        }
    }
}
