//! Bootstrap intervals: how far a figure would move with other seeds.

use super::statistics::quantile_of_sorted;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};

const RESAMPLES: usize = 2000;
/// One stream for all intervals, so that a report is the same each time it is made.
const STREAM: u64 = 0x10AD_BA1A;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The 2.5 % quantile over resamples.
    pub low: f64,
    /// The 97.5 % quantile over resamples.
    pub high: f64,
}

/// What a statistic is made of: for one family some figures of each seed, column by column.
/// A column has as many values as the family has seeds.
pub(super) type Columns = Vec<Vec<f64>>;

/// `statistic` of `families`, with a percentile interval from resampling the seeds within each
/// family. All columns of a family are resampled alike, so that comparisons stay paired.
pub(super) fn estimate(families: &[Columns], statistic: impl Fn(&[Columns]) -> f64) -> Estimate {
    let value = statistic(families);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(STREAM);
    let mut buffer = families.to_vec();
    let mut resampled = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for (from, to) in families.iter().zip(&mut buffer) {
            resample(from, to, &mut rng);
        }
        resampled.push(statistic(&buffer));
    }
    resampled.retain(|value| !value.is_nan());
    resampled.sort_unstable_by(f64::total_cmp);
    Estimate {
        value,
        low: quantile_of_sorted(&resampled, 0.025),
        high: quantile_of_sorted(&resampled, 0.975),
    }
}

fn resample(from: &Columns, to: &mut Columns, rng: &mut impl RngExt) {
    let seeds = from.first().map_or(0, Vec::len);
    for place in 0..seeds {
        let seed = rng.random_range(0..seeds);
        for (from, to) in from.iter().zip(&mut *to) {
            to[place] = from[seed];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::statistics::{mean, median};

    fn median_of_first(families: &[Columns]) -> f64 {
        median(&families[0][0])
    }

    #[test]
    fn without_scatter_the_interval_is_a_point() {
        let found = estimate(&[vec![vec![2.0; 5]]], median_of_first);
        let point = Estimate {
            value: 2.0,
            low: 2.0,
            high: 2.0,
        };
        assert_eq!(found, point);
    }

    #[test]
    fn the_interval_holds_the_true_median_about_as_often_as_it_says() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let covers = |_: &u32| {
            let values: Vec<f64> = (0..15).map(|_| rng.random::<f64>()).collect();
            let found = estimate(&[vec![values]], median_of_first);
            found.low <= 0.5 && 0.5 <= found.high
        };
        let covered = (0..200u32).filter(covers).count();
        assert!((180..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_theory_says() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let found = estimate(&[vec![values]], |families| mean(&families[0][0]));
        // Standard error of the mean of 0 to 99 is 2.887; 1.96 of it on either side.
        assert!((found.value - 49.5).abs() < 1e-9);
        assert!((found.low - 43.84).abs() < 0.5, "{found:?}");
        assert!((found.high - 55.16).abs() < 0.5, "{found:?}");
    }

    #[test]
    fn columns_stay_paired_and_families_apart() {
        let families = [
            vec![vec![1.0, 2.0], vec![10.0, 20.0]],
            vec![vec![3.0, 4.0, 5.0], vec![30.0, 40.0, 50.0]],
        ];
        estimate(&families, |families| {
            for (columns, known) in families
                .iter()
                .zip([[1.0, 2.0].as_slice(), &[3.0, 4.0, 5.0]])
            {
                assert_eq!(columns[0].len(), known.len());
                assert!(columns[0].iter().all(|value| known.contains(value)));
                let tenfold: Vec<f64> = columns[0].iter().map(|value| value * 10.0).collect();
                assert_eq!(columns[1], tenfold);
            }
            1.0
        });
    }
}
