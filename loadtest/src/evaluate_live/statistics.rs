//! Medians, their bootstrap intervals and rank correlation.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// Resamples of one interval: its ends then hardly depend on the seed.
const RESAMPLES: usize = 4000;
/// Both tails of a 95 % interval.
const TAIL: f64 = 0.025;

/// A median with the interval in which it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The median of `values` with its percentile bootstrap interval; `None` without values.
    pub(crate) fn of(values: &[f64], seed: u64) -> Option<Self> {
        let median_of_all = median(values)?;
        let mut rng = StdRng::seed_from_u64(seed);
        let resampled = |_| {
            let draw = |_| values[rng.random_range(0..values.len())];
            let drawn: Vec<f64> = (0..values.len()).map(draw).collect();
            median(&drawn)
        };
        let medians: Vec<f64> = (0..RESAMPLES).filter_map(resampled).collect();
        Some(Interval {
            median: median_of_all,
            low: quantile(&medians, TAIL)?,
            high: quantile(&medians, 1.0 - TAIL)?,
        })
    }
}

/// The median; `None` without values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile `q` of 0 to 1, between the two nearest values; `None` without values.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * place.fract())
}

/// Spearman's rank correlation of pairs, -1 to 1, ties sharing their mean rank; `None` for fewer
/// than three pairs or where one side is all ties.
pub(crate) fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    correlation(&ranks(&left), &ranks(&right))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| other.total_cmp(value).is_lt());
        let equal = values.iter().filter(|other| other.total_cmp(value).is_eq());
        below.count() as f64 + (equal.count() as f64 + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

fn correlation(left: &[f64], right: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_left, mean_right) = (mean(left), mean(right));
    let pairs = left.iter().zip(right);
    let covariance: f64 = pairs.map(|(l, r)| (l - mean_left) * (r - mean_right)).sum();
    let spread = |values: &[f64], mean| values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    let scale = (spread(left, mean_left) * spread(right, mean_right)).sqrt();
    (scale > 0.0).then(|| covariance / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn quantiles_lie_between_the_nearest_values() {
        assert!(close(median(&[3.0, 1.0, 2.0]), 2.0));
        assert!(close(median(&[4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(close(quantile(&[0.0, 10.0], 0.25), 2.5));
        assert!(close(quantile(&[7.0], 1.0), 7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_more_values() {
        let few: Vec<f64> = (0..10).map(f64::from).collect();
        let many: Vec<f64> = (0..1000).map(|n| f64::from(n) / 100.0).collect();
        let (few, many) = (
            Interval::of(&few, 1).unwrap(),
            Interval::of(&many, 1).unwrap(),
        );
        for interval in [few, many] {
            assert!(interval.low < interval.median && interval.median < interval.high);
        }
        assert!(many.high - many.low < (few.high - few.low) / 3.0);
    }

    #[test]
    fn equal_values_leave_no_doubt_and_the_same_seed_gives_the_same_interval() {
        let certain = Interval::of(&[0.9; 10], 3).unwrap();
        assert!(close(Some(certain.low), 0.9) && close(Some(certain.high), 0.9));
        let values: Vec<f64> = (0..9).map(f64::from).collect();
        assert_eq!(Interval::of(&values, 5), Interval::of(&values, 5));
        assert_eq!(Interval::of(&[], 5), None);
    }

    #[test]
    fn rank_correlation_sees_order_only() {
        let same = [(1.0, 10.0), (2.0, 100.0), (3.0, 1000.0)];
        assert!(close(spearman(&same), 1.0));
        let reversed = [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)];
        assert!(close(spearman(&reversed), -1.0));
        // Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15).
        let crossed = [(1.0, 2.0), (2.0, 1.0), (3.0, 4.0), (4.0, 3.0)];
        assert!(close(spearman(&crossed), 0.6));
    }

    #[test]
    fn rank_correlation_shares_ranks_among_ties_and_needs_three_pairs() {
        // Ranks 1, 2.5, 2.5 against 1, 2, 3.
        let tied = [(1.0, 1.0), (2.0, 2.0), (2.0, 3.0)];
        assert!(close(spearman(&tied), 0.75_f64.sqrt()));
        assert_eq!(spearman(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }
}
