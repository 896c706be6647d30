//! Fits weights to decisions: squared error, Adam, a falling step, gradients of bounded length.

use crate::{
    adam::Adam,
    dataset::Dataset,
    forward::{Batch, loss, loss_with_gradient},
    weights::{Part, Weights},
};
use anyhow::ensure;
use indicatif::ProgressBar;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};

/// How to fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// The first step; falls to a tenth.
    pub learning_rate: f32,
    /// Decisions of a step.
    pub batch: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// Longer gradients are cut to this length.
    pub gradient_limit: f32,
    /// How much less candidates weigh that are predicted to be far from the best; see
    /// [`loss_with_gradient`].
    pub focus: f32,
    /// Seed of the order of decisions.
    pub seed: u64,
}

/// Steps that a fit takes.
pub fn steps(decisions: usize, options: &FitOptions) -> usize {
    decisions.div_ceil(options.batch) * options.epochs
}

/// Fits `weights` to `data`; the mean loss of the last pass comes back. The weights become the
/// mean of those along the last pass, which evens out the noise of single steps (Polyak and
/// Juditsky, 1992). `progress` counts steps.
///
/// # Errors
/// When there are no data, or the loss is not finite any more.
pub fn fit(
    weights: &mut Weights,
    data: &Dataset,
    options: &FitOptions,
    progress: &ProgressBar,
) -> anyhow::Result<f64> {
    ensure!(!data.is_empty(), "there are no decisions to fit to");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let mut order: Vec<usize> = (0..data.len()).collect();
    let mut adam = Adam::new(weights.values.len());
    let total = steps(data.len(), options) as f32;
    let mut step = 0.0f32;
    let mut mean = 0.0;
    let mut along = vec![0.0f64; weights.values.len()];
    for epoch in 1..=options.epochs {
        order.shuffle(&mut rng);
        let mut sum = 0.0;
        for indices in order.chunks(options.batch) {
            let mut found =
                loss_with_gradient(weights, &Batch::new(data, indices)?, options.focus)?;
            ensure!(found.value.is_finite(), "the loss is not finite");
            cut_length(&mut found.gradient, options.gradient_limit);
            let rate = options.learning_rate * (1.0 - 0.9 * step / total);
            adam.step(&mut weights.values, &found.gradient, rate);
            sum += f64::from(found.value) * indices.len() as f64;
            step += 1.0;
            progress.inc(1);
            if epoch == options.epochs {
                add(&mut along, &weights.values);
            }
        }
        mean = sum / data.len() as f64;
    }
    let steps = order.len().div_ceil(options.batch) as f64;
    for (value, sum) in weights.values.iter_mut().zip(&along) {
        *value = (sum / steps) as f32;
    }
    Ok(mean)
}

/// The mean loss of `weights` over `data`, 0 without any.
///
/// # Errors
/// When the tensor library fails.
pub fn mean_loss(weights: &Weights, data: &Dataset, batch: usize) -> anyhow::Result<f64> {
    let order: Vec<usize> = (0..data.len()).collect();
    let (mut sum, mut count) = (0.0, 0.0);
    for indices in order.chunks(batch.max(1)) {
        let weight: f32 = indices
            .iter()
            .map(|index| data.decision(*index).weights.iter().sum::<f32>())
            .sum();
        let value = loss(weights, &Batch::new(data, indices)?)?;
        sum += f64::from(value) * f64::from(weight);
        count += f64::from(weight);
    }
    Ok(if count > 0.0 { sum / count } else { 0.0 })
}

/// Moves the last bias so that the costs are right on average; no choice changes.
///
/// # Errors
/// When the tensor library fails.
pub fn calibrate(weights: &mut Weights, data: &Dataset, batch: usize) -> anyhow::Result<()> {
    let order: Vec<usize> = (0..data.len()).collect();
    let (mut sum, mut count) = (0.0, 0.0);
    for indices in order.chunks(batch.max(1)) {
        let costs = crate::forward::costs(weights, &Batch::new(data, indices)?)?;
        let decisions = indices.iter().map(|index| data.decision(*index));
        let labels = decisions.flat_map(|decision| decision.targets.iter().zip(decision.weights));
        for (cost, (target, weight)) in costs.iter().zip(labels) {
            sum += f64::from(weight * (target - cost));
            count += f64::from(*weight);
        }
    }
    if count > 0.0 {
        weights.part_mut(Part::Bias)[0] += (sum / count) as f32;
    }
    Ok(())
}

fn add(sums: &mut [f64], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += f64::from(*value);
    }
}

fn cut_length(gradient: &mut [f32], limit: f32) {
    let length = gradient
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt();
    if length > limit {
        for value in gradient {
            *value *= limit / length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DecisionRows;
    use lb_authoring::network::Network as _;
    use lb_policy::features::{CONTEXT, FEATURES, IN_FLIGHT};
    use rand::RngExt;

    const OPTIONS: FitOptions = FitOptions {
        learning_rate: 5e-3,
        batch: 64,
        epochs: 4,
        gradient_limit: 2.0,
        focus: 0.0,
        seed: 1,
    };
    /// A feature that the hand-set model ignores.
    const IGNORED: usize = 11;

    /// Decisions whose true cost is a feature that the hand-set model ignores, and in which
    /// everything is random.
    fn data(seed: u64) -> Dataset {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut data = Dataset::default();
        for _ in 0..4000 {
            let candidates = rng.random_range(1..6);
            let rows: Vec<f32> = (0..candidates * FEATURES).map(|_| rng.random()).collect();
            let targets: Vec<f32> = rows
                .chunks(FEATURES)
                .map(|row| 2.0 * row[IGNORED] - 0.5)
                .collect();
            data.push(DecisionRows {
                rows: &rows,
                targets: &targets,
                weights: &vec![1.0 / candidates as f32; candidates],
                context: &[0.0; CONTEXT],
            });
        }
        data
    }

    fn fitted() -> (Weights, f64) {
        let mut weights = Weights::heuristic(1, 8, 6).unwrap();
        let data = data(1);
        let last = fit(&mut weights, &data, &OPTIONS, &ProgressBar::hidden()).unwrap();
        (weights, last)
    }

    #[test]
    fn learns_what_the_cost_depends_on() {
        let start = Weights::heuristic(1, 8, 6).unwrap();
        let before = mean_loss(&start, &data(2), 64).unwrap();
        let (weights, last) = fitted();
        let after = mean_loss(&weights, &data(2), 64).unwrap();
        assert!(after < 0.05 * before, "{after} against {before} before");
        assert!((after - last).abs() < 0.5 * last, "{after} and {last}");
        let mut rows = [[0.5; FEATURES]; 2];
        rows[0][IGNORED] = 0.9;
        rows[1][IN_FLIGHT] = 0.9;
        let costs = weights
            .network()
            .costs(rows.as_flattened(), &[0.0; CONTEXT]);
        assert!(costs[0] > costs[1] + 0.4, "{costs:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_weights_bit_for_bit() {
        assert_eq!(fitted().0, fitted().0);
    }

    #[test]
    fn calibration_makes_costs_right_on_average_and_changes_nothing_else() {
        let data = data(3);
        let start = Weights::heuristic(1, 8, 6).unwrap();
        let mut weights = start.clone();
        calibrate(&mut weights, &data, 64).unwrap();
        let once = weights.clone();
        calibrate(&mut weights, &data, 64).unwrap();
        let bias = |weights: &Weights| weights.part(Part::Bias)[0];
        assert!((bias(&weights) - bias(&once)).abs() < 1e-4);
        assert!((bias(&once) - bias(&start)).abs() > 0.1);
        let others = 0..start.range(Part::Bias).start;
        assert_eq!(start.values[others.clone()], once.values[others]);
    }

    #[test]
    fn no_data_is_an_error() {
        let mut weights = Weights::heuristic(1, 4, 4).unwrap();
        let empty = Dataset::default();
        assert!(fit(&mut weights, &empty, &OPTIONS, &ProgressBar::hidden()).is_err());
    }
}
