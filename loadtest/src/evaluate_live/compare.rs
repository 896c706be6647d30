//! What the blocks of one phase say: each policy's figures, and the learned one's tail against
//! that of every other, round by round.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::block::Measured;
use crate::faults::Phase;
use crate::policy::LEARNED;
use crate::statistics::{Interval, median};

/// The seed of intervals: the same blocks give the same report.
const INTERVAL_SEED: u64 = 1;

/// One phase.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) phase: Phase,
    /// By median p99, the best first.
    pub(crate) ranking: Vec<Figures>,
    /// The learned policy against each other one, in the order of the ranking.
    pub(crate) ratios: Vec<Ratio>,
}

/// One policy in one phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) policy: &'static str,
    /// Medians over its blocks.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) lateness_p99_ms: f64,
    pub(crate) busy: f64,
    /// Of all its requests together.
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

/// The learned policy's p99 divided by another's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) against: &'static str,
    /// Over the rounds, each giving one ratio.
    pub(crate) p99: Interval,
    pub(crate) rounds: usize,
    /// Rounds in which the learned policy had the lower p99.
    pub(crate) won: usize,
}

impl Comparison {
    /// The comparison of the blocks of one phase.
    pub(crate) fn of(blocks: &[Measured], phase: Phase) -> Self {
        let mut by_policy: BTreeMap<_, Vec<&Measured>> = BTreeMap::new();
        for block in blocks.iter().filter(|block| block.phase == phase) {
            by_policy.entry(block.policy).or_default().push(block);
        }
        let mut ranking: Vec<Figures> = by_policy.values().filter_map(|b| figures(b)).collect();
        ranking.sort_by(|one, other| one.p99_ms.total_cmp(&other.p99_ms));
        let learned = by_policy.get(&LEARNED).map_or(&[][..], Vec::as_slice);
        let against = |name| by_policy.values().find(|b| b[0].policy.name() == name);
        let ratios = ranking
            .iter()
            .filter(|figures| figures.policy != LEARNED.name())
            .filter_map(|figures| ratio(learned, against(figures.policy)?))
            .collect();
        Comparison {
            phase,
            ranking,
            ratios,
        }
    }

    /// Against the hand-written policy with the lowest median p99 of this phase. Chosen after the
    /// fact, it is flattered by chance, so that the ratio errs against the learned policy.
    pub(crate) fn against_hindsight_best(&self) -> Option<&Ratio> {
        self.ratios.first()
    }

    /// Against the policy of that name.
    pub(crate) fn against(&self, name: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.against == name)
    }
}

impl Figures {
    /// Share of the requests that failed, in percent.
    pub(crate) fn error_percent(&self) -> f64 {
        self.errors as f64 / self.requests.max(1) as f64 * 100.0
    }
}

fn figures(blocks: &[&Measured]) -> Option<Figures> {
    let over = |value: fn(&Measured) -> f64| {
        let values: Vec<f64> = blocks.iter().map(|block| value(block)).collect();
        median(&values)
    };
    Some(Figures {
        policy: blocks.first()?.policy.name(),
        p50_ms: over(|block| block.p50_ms)?,
        p99_ms: over(|block| block.p99_ms)?,
        lateness_p99_ms: over(|block| block.lateness_p99_ms)?,
        busy: over(|block| block.busy)?,
        requests: blocks.iter().map(|block| block.requests).sum(),
        errors: blocks.iter().map(|block| block.errors).sum(),
    })
}

fn ratio(learned: &[&Measured], other: &[&Measured]) -> Option<Ratio> {
    let other_p99 = |round| {
        let block = other.iter().find(|block| block.round == round)?;
        // A block without a single success has no tail to compare.
        (block.p99_ms > 0.0).then_some(block.p99_ms)
    };
    let pairs = learned.iter().filter(|block| block.p99_ms > 0.0);
    let ratios = pairs.filter_map(|block| Some(block.p99_ms / other_p99(block.round)?));
    let ratios: Vec<f64> = ratios.collect();
    Some(Ratio {
        against: other.first()?.policy.name(),
        p99: Interval::of(&ratios, INTERVAL_SEED)?,
        rounds: ratios.len(),
        won: ratios.iter().filter(|ratio| **ratio < 1.0).count(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::policy::find;

    /// A block of 200 requests without errors.
    pub(crate) fn block(round: usize, phase: Phase, policy: &str, p99_ms: f64) -> Measured {
        Measured {
            round,
            phase,
            policy: find(policy).unwrap(),
            requests: 200,
            errors: 0,
            p50_ms: p99_ms / 4.0,
            p99_ms,
            lateness_p99_ms: 0.5,
            busy: 0.2,
        }
    }

    /// One block in each round for each policy with its p99s.
    pub(crate) fn blocks(phase: Phase, rows: &[(&str, &[f64])]) -> Vec<Measured> {
        let of = |row: &(&str, &[f64])| -> Vec<Measured> {
            let numbered = row.1.iter().enumerate();
            numbered
                .map(|(round, p99)| block(round, phase, row.0, *p99))
                .collect()
        };
        rows.iter().flat_map(of).collect()
    }

    const ROWS: [(&str, &[f64]); 3] = [
        ("learned", &[90.0, 200.0, 80.0]),
        ("peak_ewma", &[100.0, 250.0, 100.0]),
        ("c3", &[60.0, 400.0, 95.0]),
    ];

    #[test]
    fn policies_are_ranked_by_the_median_of_their_p99() {
        let comparison = Comparison::of(&blocks(Phase::Healthy, &ROWS), Phase::Healthy);
        let ranking: Vec<_> = comparison
            .ranking
            .iter()
            .map(|f| (f.policy, f.p99_ms))
            .collect();
        assert_eq!(
            ranking,
            [("learned", 90.0), ("c3", 95.0), ("peak_ewma", 100.0)]
        );
        assert!((comparison.ranking[0].p50_ms - 22.5).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let comparison = Comparison::of(&blocks(Phase::Healthy, &ROWS), Phase::Healthy);
        let ratio = comparison.against("peak_ewma").unwrap();
        // 0.9, 0.8 and 0.8 in the three rounds.
        assert!((ratio.p99.median - 0.8).abs() < 1e-9);
        assert!((ratio.p99.high - 0.9).abs() < 1e-9);
        assert_eq!((ratio.rounds, ratio.won), (3, 3));
        assert_eq!(comparison.against("learned"), None);
    }

    #[test]
    fn the_hindsight_best_is_the_hand_written_policy_with_the_lowest_median() {
        let comparison = Comparison::of(&blocks(Phase::Healthy, &ROWS), Phase::Healthy);
        let best = comparison.against_hindsight_best().unwrap();
        assert_eq!(best.against, "c3");
        // 1.5, 0.5 and 80 / 95.
        assert!((best.p99.median - 80.0 / 95.0).abs() < 1e-9);
        assert_eq!(best.won, 2);
    }

    #[test]
    fn phases_are_kept_apart_and_errors_are_added_up() {
        let mut blocks = blocks(Phase::Degraded, &ROWS);
        blocks[0].errors = 3;
        blocks[1].errors = 3;
        let healthy = Comparison::of(&blocks, Phase::Healthy);
        assert!(healthy.ranking.is_empty() && healthy.ratios.is_empty());
        let degraded = Comparison::of(&blocks, Phase::Degraded);
        let learned = degraded
            .ranking
            .iter()
            .find(|f| f.policy == "learned")
            .unwrap();
        assert!((learned.error_percent() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_round_without_a_tail_is_left_out() {
        let rows: [(&str, &[f64]); 2] = [("learned", &[90.0, 90.0]), ("c3", &[100.0, 0.0])];
        let comparison = Comparison::of(&blocks(Phase::Healthy, &rows), Phase::Healthy);
        assert_eq!(comparison.against("c3").unwrap().rounds, 1);
    }

    #[test]
    fn without_the_learned_policy_there_is_a_ranking_and_no_ratio() {
        let rows: [(&str, &[f64]); 2] = [("c3", &[1.0]), ("random", &[2.0])];
        let comparison = Comparison::of(&blocks(Phase::Healthy, &rows), Phase::Healthy);
        assert_eq!(comparison.ranking.len(), 2);
        assert_eq!(comparison.against_hindsight_best(), None);
    }
}
