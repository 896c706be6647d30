//! Search over the weights of the head by evolution strategies (Salimans et al., 2017): the
//! objective is what requests experience, tail included, which no label expresses.

use crate::{
    adam::Adam,
    behavior::learned,
    seeds,
    settings::{FinetuneSettings, Settings},
    source::{Source, thinned},
    validate::{Score, everywhere},
    weights::Weights,
};
use indicatif::ProgressBar;
use lb_policy::{model::Scorer, policies::OnnxSettings};
use lb_simulator::{scenario::Scenario, simulation::run};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{iter::zip, sync::Arc};

/// Part of the average that stays in a generation.
const AVERAGE_DECAY: f32 = 0.9;
/// Smaller spreads of the objective within a scenario are noise.
const MIN_SPREAD: f64 = 0.004;
/// A single scenario counts for at most so many spreads.
const MAX_DEVIATIONS: f64 = 2.5;

/// Where a search stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Generations done.
    pub generation: usize,
    /// Validations since the best one.
    pub stale: usize,
    /// Best weights validated.
    pub best: Weights,
    /// Their score.
    pub best_score: Score,
    /// All validations.
    pub records: Vec<SearchRecord>,
    start: Vec<f32>,
    current: Weights,
    average: Vec<f32>,
    adam: Adam,
}

/// One validation of the averaged weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRecord {
    /// Generations done.
    pub generation: usize,
    /// The score.
    pub score: Score,
}

/// What a generation needs.
#[derive(Clone, Copy, Debug)]
pub struct Generation<'a> {
    /// Where scenarios come from.
    pub source: &'a dyn Source,
    /// Settings of the run.
    pub settings: &'a Settings,
    /// Counts simulated scenarios.
    pub progress: &'a ProgressBar,
}

impl Search {
    /// Begins at weights with a known score.
    pub fn new(start: &Weights, score: Score) -> Self {
        Self {
            generation: 0,
            stale: 0,
            best: start.clone(),
            best_score: score,
            records: Vec::new(),
            start: start.values[start.head()].to_vec(),
            current: start.clone(),
            average: start.values[start.head()].to_vec(),
            adam: Adam::new(start.head().len()),
        }
    }

    /// Whether the search has come to its end.
    pub fn is_done(&self, settings: &FinetuneSettings) -> bool {
        self.generation >= settings.generations || self.stale >= settings.patience
    }

    /// Whether the averaged weights are to be validated now.
    pub fn wants_validation(&self, settings: &FinetuneSettings) -> bool {
        self.generation.is_multiple_of(settings.validate_every)
            || self.generation == settings.generations
    }

    /// The weights to be validated: so far along the way from the start to the average.
    pub fn candidate(&self, settings: &FinetuneSettings) -> Weights {
        let along = |(start, average): (&f32, &f32)| start + settings.kept * (average - start);
        let head: Vec<f32> = zip(&self.start, &self.average).map(along).collect();
        with_head(&self.current, &head)
    }

    /// Takes in the score of `candidate`.
    pub fn validated(&mut self, candidate: Weights, score: Score) {
        let generation = self.generation;
        self.records.push(SearchRecord { generation, score });
        if score.objective < self.best_score.objective {
            self.best = candidate;
            self.best_score = score;
            self.stale = 0;
        } else {
            self.stale += 1;
        }
    }

    /// Simulates one generation of perturbed weights, all on the same scenarios, and moves
    /// towards those that did well.
    ///
    /// # Errors
    /// When a scenario cannot be drawn, or the native runtime refuses the network.
    pub fn step(&mut self, context: &Generation<'_>) -> anyhow::Result<()> {
        let settings = &context.settings.finetune;
        let scenarios = self.scenarios(context)?;
        let head = self.current.head();
        let perturbations = self.perturbations(context.settings, head.len());
        let models = perturbed(&self.current, &perturbations, settings.sigma)?;
        let ranks = centered_ranks(&standing(&simulate(&models, &scenarios, context.progress)));
        let gradient = gradient(&perturbations, &ranks, settings.sigma);
        self.adam.step(
            &mut self.current.values[head.clone()],
            &gradient,
            settings.learning_rate,
        );
        for (average, value) in zip(&mut self.average, &self.current.values[head]) {
            *average = AVERAGE_DECAY * *average + (1.0 - AVERAGE_DECAY) * value;
        }
        self.generation += 1;
        Ok(())
    }

    fn scenarios(&self, context: &Generation<'_>) -> anyhow::Result<Vec<Scenario>> {
        let settings = &context.settings.finetune;
        (0..settings.scenarios)
            .map(|number| {
                let seed = seeds::search(context.settings.seed, self.generation, number);
                Ok(thinned(context.source.draw(seed)?, settings.thinning))
            })
            .collect()
    }

    fn perturbations(&self, settings: &Settings, length: usize) -> Vec<Vec<f32>> {
        let seed = seeds::perturbation(settings.seed, self.generation);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let pairs = 0..settings.finetune.pairs;
        pairs
            .map(|_| (0..length).map(|_| normal(&mut rng)).collect())
            .collect()
    }
}

/// Two models for each perturbation: with it added, with it taken away.
fn perturbed(
    weights: &Weights,
    perturbations: &[Vec<f32>],
    sigma: f32,
) -> anyhow::Result<Vec<Arc<dyn Scorer>>> {
    let center = &weights.values[weights.head()];
    let signed = perturbations
        .iter()
        .flat_map(|perturbation| [(perturbation, sigma), (perturbation, -sigma)]);
    signed
        .map(|(perturbation, sigma)| {
            let moved = zip(center, perturbation).map(|(value, by)| value + sigma * by);
            with_head(weights, &moved.collect::<Vec<_>>()).scorer()
        })
        .collect()
}

/// The objective of each model in each scenario, `[models][scenarios]`.
fn simulate(
    models: &[Arc<dyn Scorer>],
    scenarios: &[Scenario],
    progress: &ProgressBar,
) -> Vec<Vec<f64>> {
    // Exploration would add the same noise to all.
    let settings = OnnxSettings {
        exploration: 0.0,
        ..OnnxSettings::default()
    };
    let runs: Vec<_> = models
        .iter()
        .flat_map(|model| scenarios.iter().map(move |scenario| (model, scenario)))
        .collect();
    let objectives: Vec<f64> = runs
        .into_par_iter()
        .map(|(model, scenario)| {
            let choosers = everywhere(scenario, || learned(model, settings));
            let result = run(scenario, choosers, None);
            progress.inc(1);
            result.search_objective()
        })
        .collect();
    objectives
        .chunks(scenarios.len())
        .map(<[f64]>::to_vec)
        .collect()
}

/// How far each model is from the mean, added up over the scenarios. A scenario counts with the
/// root of the spread that it shows, so that neither hopeless nor trivial ones decide.
fn standing(objectives: &[Vec<f64>]) -> Vec<f64> {
    let models = objectives.len();
    let scenarios = objectives.first().map_or(0, Vec::len);
    let mut sums = vec![0.0; models];
    for scenario in 0..scenarios {
        let values: Vec<f64> = objectives
            .iter()
            .map(|of_model| of_model[scenario])
            .collect();
        let mean = values.iter().sum::<f64>() / models as f64;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        let spread = (variance / models as f64).sqrt().max(MIN_SPREAD);
        for (sum, value) in zip(&mut sums, &values) {
            let deviation = (value - mean) / spread;
            *sum += deviation.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS) * spread.sqrt();
        }
    }
    sums
}

/// Ranks from −0.5 for the lowest to 0.5 for the highest.
fn centered_ranks(values: &[f64]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let last = values.len().saturating_sub(1).max(1) as f32;
    let mut ranks = vec![0.0; values.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = rank as f32 / last - 0.5;
    }
    ranks
}

/// The estimated gradient of the rank. `ranks` has two places for each perturbation.
fn gradient(perturbations: &[Vec<f32>], ranks: &[f32], sigma: f32) -> Vec<f32> {
    let length = perturbations.first().map_or(0, Vec::len);
    let scale = 1.0 / (perturbations.len() as f32 * sigma);
    let mut gradient = vec![0.0; length];
    for (perturbation, pair) in zip(perturbations, ranks.chunks_exact(2)) {
        for (sum, value) in zip(&mut gradient, perturbation) {
            *sum += (pair[0] - pair[1]) * value * scale;
        }
    }
    gradient
}

fn with_head(weights: &Weights, head: &[f32]) -> Weights {
    let mut weights = weights.clone();
    let range = weights.head();
    weights.values[range].copy_from_slice(head);
    weights
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut Xoshiro256PlusPlus) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    (radius * angle.cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(objective: f64) -> Score {
        Score {
            objective,
            error_rate: 0.0,
            mean_seconds: 1.0,
            p99_seconds: 1.0,
        }
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let values: Vec<f32> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let square = values.iter().map(|value| value * value).sum::<f32>() / 20_000.0;
        assert!(
            mean.abs() < 0.03 && (square - 1.0).abs() < 0.05,
            "{mean} {square}"
        );
    }

    #[test]
    fn ranks_are_centered_and_follow_the_values() {
        assert_eq!(centered_ranks(&[3.0, 1.0, 2.0]), [0.5, -0.5, 0.0]);
        assert_eq!(centered_ranks(&[7.0]), [-0.5]);
    }

    #[test]
    fn no_scenario_decides_alone() {
        let objectives = [vec![0.0, 1.0], vec![0.1, 1.0], vec![900.0, 1.0]];
        let found = standing(&objectives);
        assert!(found[2] > found[1] && found[1] > found[0]);
        let spread = (900.0f64.powi(2) * 2.0 / 9.0).sqrt();
        assert!(found[2] <= MAX_DEVIATIONS * spread.sqrt());
    }

    #[test]
    fn steps_against_the_gradient_of_the_rank_find_a_minimum() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let mut weights = vec![1.0f32, -1.0, 0.5];
        let mut adam = Adam::new(3);
        for _ in 0..300 {
            let perturbations: Vec<Vec<f32>> = (0..8)
                .map(|_| (0..3).map(|_| normal(&mut rng)).collect())
                .collect();
            let objectives: Vec<Vec<f64>> = perturbations
                .iter()
                .flat_map(|by| [(by, 0.04), (by, -0.04)])
                .map(|(by, sigma)| {
                    let square = zip(&weights, by).map(|(w, by)| (w + sigma * by).powi(2));
                    vec![f64::from(square.sum::<f32>())]
                })
                .collect();
            let ranks = centered_ranks(&standing(&objectives));
            adam.step(&mut weights, &gradient(&perturbations, &ranks, 0.04), 0.02);
        }
        assert!(
            weights.iter().all(|weight| weight.abs() < 0.15),
            "{weights:?}"
        );
    }

    #[test]
    fn the_best_validation_is_kept_and_patience_ends_the_search() {
        let start = Weights::heuristic(1, 4, 4).unwrap();
        let settings = FinetuneSettings {
            patience: 2,
            kept: 0.5,
            ..FinetuneSettings::default()
        };
        let mut search = Search::new(&start, score(1.0));
        let first = start.head().start;
        let moved = |average: f32| (start.values[first] + average) / 2.0;
        for (average, objective, stale) in [(9.0, 0.5, 0), (8.0, 0.6, 1), (7.0, 0.7, 2)] {
            search.average[0] = average;
            let candidate = search.candidate(&settings);
            assert!((candidate.values[first] - moved(average)).abs() < 1e-6);
            search.validated(candidate, score(objective));
            assert_eq!(search.stale, stale);
        }
        assert!(search.is_done(&settings));
        assert!((search.best.values[first] - moved(9.0)).abs() < 1e-6);
    }
}
