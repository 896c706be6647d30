//! One network from start to end: rounds of gathering, fitting and validating. Each round leaves
//! a checkpoint, and one that is there is taken.

use crate::{
    behavior::learned,
    dataset::{Dataset, Ranges},
    fit::{FitOptions, fit, steps},
    gather::gather,
    progress::Progress,
    seeds,
    settings::Settings,
    source::Source,
    validate::{Score, Validation},
    weights::Weights,
    work_folder::WorkFolder,
};
use lb_policy::policies::OnnxSettings;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What all networks of a run share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) work: &'a WorkFolder,
    pub(crate) progress: &'a Progress,
    pub(crate) validation: &'a Validation,
}

/// One network of a run.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// Its number, from 1.
    number: usize,
    /// Those of the run, with a seed of its own.
    settings: Settings,
    around: Surroundings<'a>,
}

/// One round of one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// Number of the network, from 1.
    pub member: usize,
    /// Number of the round, from 1.
    pub round: usize,
    /// Decisions gathered in it.
    pub decisions: usize,
    /// Mean loss of its last pass over the data.
    pub loss: f64,
    /// How the fitted model fared.
    pub score: Score,
}

/// State after a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoundCheckpoint {
    pub(crate) record: RoundRecord,
    pub(crate) ranges: Ranges,
    pub(crate) weights: Weights,
}

impl Surroundings<'_> {
    /// Runs the model in the validation scenarios, guardrails and exploration as shipped.
    pub(crate) fn validate(&self, name: &str, weights: &Weights) -> anyhow::Result<Score> {
        let model = weights.scorer()?;
        let stage = format!("{name}: validate");
        let bar = self.progress.stage(&stage, self.validation.len());
        let shipped = OnnxSettings::default();
        let score = self.validation.score(|| learned(&model, shipped), bar);
        self.tell(name, &score);
        Ok(score)
    }

    /// Prints a score.
    pub(crate) fn tell(&self, name: &str, score: &Score) {
        let Score {
            objective,
            error_rate,
            mean_seconds,
            p99_seconds,
        } = score;
        self.progress.line(&format!(
            "{name}: J {objective:.4}, errors {:.3} %, mean {:.1} ms, p99 {:.1} ms",
            error_rate * 100.0,
            mean_seconds * 1e3,
            p99_seconds * 1e3,
        ));
    }
}

impl<'a> Member<'a> {
    /// Network `number` of a run, from 1. The first one has the run's seed, each other the next.
    pub(crate) fn new(number: usize, settings: &Settings, around: Surroundings<'a>) -> Self {
        let mut settings = settings.clone();
        settings.seed += number as u64 - 1;
        Self {
            number,
            settings,
            around,
        }
    }

    /// All its rounds, of which there is at least one.
    ///
    /// # Errors
    /// When scenarios cannot be drawn, the work folder cannot be used, or the fit diverges.
    pub(crate) fn rounds(&self) -> anyhow::Result<Vec<RoundCheckpoint>> {
        let work = self.around.work;
        let mut done: Vec<RoundCheckpoint> = Vec::new();
        let mut window = Window::default();
        for round in 0..self.settings.gather.rounds {
            let file = format!("network-{}-round-{}.json", self.number, round + 1);
            let checkpoint = match work.load(&file)? {
                Some(found) => found,
                None => {
                    let made = self.round(round, &done, &mut window)?;
                    work.store(&file, &made)?;
                    made
                }
            };
            done.push(checkpoint);
        }
        Ok(done)
    }

    fn round(
        &self,
        round: usize,
        done: &[RoundCheckpoint],
        window: &mut Window,
    ) -> anyhow::Result<RoundCheckpoint> {
        self.fill(window, round, done)?;
        let mut weights = match done.last() {
            Some(last) => last.weights.clone(),
            None => self.start()?,
        };
        let loss = self.fit(round, &mut weights, &window.data)?;
        let score = self.around.validate(&self.name(round), &weights)?;
        Ok(RoundCheckpoint {
            record: RoundRecord {
                member: self.number,
                round: round + 1,
                decisions: window.decisions.back().copied().unwrap_or_default(),
                loss,
                score,
            },
            ranges: window.ranges.clone(),
            weights,
        })
    }

    /// Brings the window up to `round`. After an interruption the earlier rounds in it are
    /// gathered again, with the weights that they were gathered with.
    fn fill(
        &self,
        window: &mut Window,
        round: usize,
        done: &[RoundCheckpoint],
    ) -> anyhow::Result<()> {
        let kept = self.settings.fit.window;
        let missing = match window.decisions.is_empty() {
            true => (round + 1).saturating_sub(kept)..=round,
            false => round..=round,
        };
        for number in missing {
            let weights = number.checked_sub(1).map(|before| &done[before].weights);
            let stage = format!("{}: gather", self.name(number));
            let scenarios = self.settings.gather.scenarios;
            let bar = self.around.progress.stage(&stage, scenarios);
            let data = gather(self.around.source, &self.settings, number, weights, bar)?;
            window.push(&data, kept);
        }
        Ok(())
    }

    fn start(&self) -> anyhow::Result<Weights> {
        let network = &self.settings.network;
        Weights::heuristic(self.settings.seed, network.first, network.second)
    }

    fn fit(&self, round: usize, weights: &mut Weights, data: &Dataset) -> anyhow::Result<f64> {
        let (settings, rounds) = (&self.settings.fit, self.settings.gather.rounds);
        let is_last = round + 1 == rounds;
        let options = FitOptions {
            learning_rate: settings.learning_rate * (1.0 - 0.75 * round as f32 / rounds as f32),
            batch: settings.batch,
            epochs: if is_last {
                settings.last_epochs
            } else {
                settings.epochs
            },
            gradient_limit: settings.gradient_limit,
            focus: settings.focus,
            seed: seeds::fitting(self.settings.seed, round),
        };
        let stage = format!("{}: fit", self.name(round));
        let progress = self.around.progress;
        let bar = progress.stage(&stage, steps(data.len(), &options));
        let loss = fit(weights, data, &options, bar)?;
        let decisions = data.len();
        progress.line(&format!("{stage}: {decisions} decisions, loss {loss:.4}"));
        Ok(loss)
    }

    fn name(&self, round: usize) -> String {
        format!("network {}, round {}", self.number, round + 1)
    }
}

/// Data of the last rounds.
#[derive(Default)]
struct Window {
    data: Dataset,
    /// Decisions of each round in it.
    decisions: VecDeque<usize>,
    /// Of the last round.
    ranges: Ranges,
}

impl Window {
    /// Adds a round and drops those before the last `kept`.
    fn push(&mut self, round: &Dataset, kept: usize) {
        while self.decisions.len() >= kept.max(1) {
            let oldest = self.decisions.pop_front().unwrap_or_default();
            self.data.remove_first(oldest);
        }
        self.data.append(round);
        self.decisions.push_back(round.len());
        self.ranges = Ranges::of(round);
    }
}
