//! Contenders against baselines: ratios over seeds and families, and the gap to the oracle.
//!
//! Everything here takes results that passed [`check`](super::check), and contenders as
//! indices into them.

use super::{
    bootstrap::{Columns, Estimate, estimate},
    figures::Metric,
    results::{ContenderInfo, FamilyResults},
    statistics::{geometric_mean, mean, median},
};
use crate::contender::Kind;

/// A family is saturated when its best hand-written policy fails more than this share of the
/// requests: latency quantiles then stand at the time-out for everyone, and means over families
/// leave it out.
pub const SATURATED_ERROR_RATE: f64 = 0.05;

/// A contender beside a baseline in one family.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The family.
    pub family: &'a FamilyResults,
    /// Index of the contender.
    pub contender: usize,
    /// Index of what it is compared with.
    pub baseline: usize,
}

/// The best hand-written policy of a family in hindsight: one policy for all seeds, the one with
/// the lowest mean of J over them. `None` when no hand-written policy took part.
pub fn hindsight_best(contenders: &[ContenderInfo], family: &FamilyResults) -> Option<usize> {
    let hand_written = contenders
        .iter()
        .enumerate()
        .filter(|(_, contender)| contender.kind == Kind::HandWritten);
    hand_written
        .map(|(index, _)| index)
        .min_by(|a, b| objective(family, *a).total_cmp(&objective(family, *b)))
}

/// The mean of J over the seeds.
pub fn objective(family: &FamilyResults, contender: usize) -> f64 {
    mean(&family.values(contender, Metric::Objective))
}

/// The mean of the error rate over the seeds. Errors are too rare on single seeds for medians.
pub fn error_rate(family: &FamilyResults, contender: usize) -> f64 {
    mean(&family.values(contender, Metric::ErrorRate))
}

/// Whether latencies of this family say little; see [`SATURATED_ERROR_RATE`].
pub fn is_saturated(contenders: &[ContenderInfo], family: &FamilyResults) -> bool {
    hindsight_best(contenders, family)
        .is_some_and(|best| error_rate(family, best) > SATURATED_ERROR_RATE)
}

/// Ratio of a metric, seed by seed. Two zeros are equal.
pub fn ratios(pair: &Pair<'_>, metric: Metric) -> Vec<f64> {
    let own = pair.family.values(pair.contender, metric);
    let other = pair.family.values(pair.baseline, metric);
    own.iter().zip(other).map(|(a, b)| ratio(*a, b)).collect()
}

/// The median over seeds of the per-seed ratio, and over several families the geometric mean of
/// these medians.
pub fn median_ratio(pairs: &[Pair<'_>], metric: Metric) -> Estimate {
    let columns: Vec<Columns> = pairs
        .iter()
        .map(|pair| vec![ratios(pair, metric)])
        .collect();
    estimate(&columns, |families| {
        let medians: Vec<f64> = families.iter().map(|columns| median(&columns[0])).collect();
        geometric_mean(&medians)
    })
}

/// The ratio of the mean error rates over the seeds of one family.
pub fn error_ratio(pair: &Pair<'_>) -> Estimate {
    of_error_rates(pair, ratio)
}

/// What the mean error rate of a contender has above `factor` times that of its baseline, as a
/// share of the requests.
pub fn error_excess(pair: &Pair<'_>, factor: f64) -> Estimate {
    of_error_rates(pair, |own, other| own - factor * other)
}

/// The share of the way on J from a baseline to a goal that a contender goes, with J summed
/// over families of its mean over seeds. 0 is no better than the baseline, 1 the goal.
pub fn gap_closed(pairs: &[Pair<'_>], goal: usize) -> Estimate {
    let columns = |pair: &Pair<'_>| {
        let of = |index| pair.family.values(index, Metric::Objective);
        vec![of(pair.baseline), of(pair.contender), of(goal)]
    };
    let columns: Vec<Columns> = pairs.iter().map(columns).collect();
    estimate(&columns, |families| {
        let sum = |column: usize| -> f64 {
            let means = families.iter().map(|columns| mean(&columns[column]));
            means.sum()
        };
        let (baseline, own, goal) = (sum(0), sum(1), sum(2));
        (baseline - own) / (baseline - goal)
    })
}

/// Seeds on which the contender has the lower J.
pub fn wins(pair: &Pair<'_>) -> usize {
    let own = pair.family.values(pair.contender, Metric::Objective);
    let other = pair.family.values(pair.baseline, Metric::Objective);
    own.iter()
        .zip(other)
        .filter(|(own, other)| **own < *other)
        .count()
}

fn of_error_rates(pair: &Pair<'_>, statistic: impl Fn(f64, f64) -> f64) -> Estimate {
    let of = |index| pair.family.values(index, Metric::ErrorRate);
    let columns = vec![of(pair.contender), of(pair.baseline)];
    estimate(&[columns], |families| {
        statistic(mean(&families[0][0]), mean(&families[0][1]))
    })
}

fn ratio(own: f64, other: f64) -> f64 {
    if own.total_cmp(&other).is_eq() {
        1.0
    } else {
        own / other
    }
}
