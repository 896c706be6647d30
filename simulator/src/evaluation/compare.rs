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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::fixture::Fixture;

    const FILES: [&str; 2] = ["families/a.yaml", "families/b.yaml"];

    fn pair<'a>(fixture: &'a Fixture, family: usize, contender: &str) -> Pair<'a> {
        Pair {
            family: &fixture.families[family],
            contender: fixture.index(contender),
            baseline: fixture.index("peak_ewma"),
        }
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn the_best_in_hindsight_is_one_hand_written_policy_by_its_mean_objective() {
        let fixture = Fixture::default();
        let best = |fixture: &Fixture| hindsight_best(&fixture.contenders, &fixture.families[0]);
        let label = "least_request";
        assert_eq!(best(&fixture), Some(fixture.index("peak_ewma")));
        // Faster on three seeds of four, and 1000 times as slow on the fourth.
        let changed = fixture.change("families/heterogeneous.yaml", label, |seed, figures| {
            *figures = crate::evaluation::fixture::figures(if seed == 0 { 1e3 } else { 0.5 });
        });
        assert_eq!(best(&changed), Some(changed.index("peak_ewma")));
        let changed = changed.change("families/heterogeneous.yaml", label, |_, figures| {
            *figures = crate::evaluation::fixture::figures(0.9);
        });
        assert_eq!(best(&changed), Some(changed.index(label)));
        let oracles = Fixture::of(&["oracle"], &[("f/a.yaml", &[1.0])]);
        assert_eq!(best(&oracles), None);
    }

    #[test]
    fn ratios_are_paired_by_seed_and_averaged_over_families() {
        let fixture = Fixture::new(&FILES)
            .change(FILES[0], "peak_ewma", |seed, f| {
                f.latency.p99 = seed as f64 + 1.0
            })
            .change(FILES[0], "oracle", |seed, f| {
                f.latency.p99 = 2.0 * (seed as f64 + 1.0)
            });
        let pairs = [pair(&fixture, 0, "oracle"), pair(&fixture, 1, "oracle")];
        assert_eq!(ratios(&pairs[0], Metric::P99), [2.0; 4]);
        let found = median_ratio(&pairs[..1], Metric::P99);
        assert_near(found.value, 2.0);
        assert_near(found.high - found.low, 0.0);
        assert_near(median_ratio(&pairs, Metric::P99).value, 1.0);
    }

    #[test]
    fn intervals_hold_the_spread_of_the_seeds() {
        let fixture =
            Fixture::default().change("families/heterogeneous.yaml", "oracle", |seed, figures| {
                figures.latency.p99 = [0.4, 0.5, 0.6, 0.9][seed]
            });
        let found = median_ratio(&[pair(&fixture, 0, "oracle")], Metric::P99);
        assert_near(found.value, 0.55);
        assert!(found.low >= 0.4 && found.low < 0.5, "{found:?}");
        assert!(found.high > 0.6 && found.high <= 0.9, "{found:?}");
    }

    #[test]
    fn the_gap_is_a_ratio_of_sums_over_families() {
        let fixture = Fixture::new(&FILES).change(FILES[1], "onnx:model=m", |_, figures| {
            *figures = crate::evaluation::fixture::figures(1.0);
        });
        let pairs = [
            pair(&fixture, 0, "onnx:model=m"),
            pair(&fixture, 1, "onnx:model=m"),
        ];
        let found = gap_closed(&pairs, fixture.index("oracle"));
        assert_near(found.value, 0.7f64.ln() / (2.0 * 0.5f64.ln()));
    }

    #[test]
    fn error_rates_are_compared_by_their_means() {
        let file = "families/heterogeneous.yaml";
        let fixture = Fixture::default()
            .change(file, "peak_ewma", |seed, f| {
                f.errors = [0, 0, 0, 4000][seed]
            })
            .change(file, "oracle", |seed, f| {
                f.errors = [500, 500, 500, 500][seed]
            });
        let pair = pair(&fixture, 0, "oracle");
        assert_near(error_rate(pair.family, pair.baseline), 0.01);
        assert_near(error_ratio(&pair).value, 0.5);
        assert_near(error_excess(&pair, 1.1).value, 0.005 - 0.011);
        assert_eq!(wins(&pair), 4);
    }

    #[test]
    fn two_zeros_are_equal() {
        let fixture = Fixture::default();
        let ratio = error_ratio(&pair(&fixture, 0, "oracle"));
        assert_near(ratio.value, 1.0);
    }
}
