//! A training run from start to end: rounds of gathering, fitting and validating, then the
//! search from the best round. Each step leaves a checkpoint, and one that is there is taken.

use crate::{
    behavior::learned,
    dataset::{Dataset, Ranges},
    finetune::{Generation, Search, SearchRecord},
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
use anyhow::Context as _;
use lb_policy::policies::{Choices, LoadSource, OnnxSettings, PolicyConfig, build};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Policies written by hand to compare with.
const BASELINES: [(&str, PolicyConfig); 2] = [
    ("peak_ewma", PolicyConfig::PEAK_EWMA),
    (
        "least_request, all",
        PolicyConfig::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Own,
            error_factor: 0.0,
        },
    ),
];

/// What a run gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The best weights.
    pub weights: Weights,
    /// Features seen while gathering.
    pub ranges: Ranges,
    /// What happened.
    pub history: History,
}

/// What happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct History {
    /// Scores of policies written by hand.
    pub baselines: Vec<Baseline>,
    /// The rounds.
    pub rounds: Vec<RoundRecord>,
    /// The validations of the search.
    pub search: Vec<SearchRecord>,
    /// Where the best weights come from.
    pub chosen: String,
    /// Their score.
    pub score: Score,
}

/// A policy to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The policy.
    pub policy: String,
    /// How it fared.
    pub score: Score,
}

/// One round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
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
struct RoundCheckpoint {
    record: RoundRecord,
    ranges: Ranges,
    weights: Weights,
}

/// Trains. A run with the same source, settings and number of threads gives the same result bit
/// for bit, whether or not it was interrupted in between.
///
/// # Errors
/// When scenarios cannot be drawn, the work folder cannot be used, or the fit diverges.
pub fn train(
    source: &dyn Source,
    settings: &Settings,
    work: &WorkFolder,
    progress: &Progress,
) -> anyhow::Result<Trained> {
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build()
        .context("cannot start threads")?;
    let run = Run {
        source,
        settings,
        work,
        progress,
        validation: Validation::new(source, &settings.validate)?,
    };
    threads.install(|| run.train())
}

struct Run<'a> {
    source: &'a dyn Source,
    settings: &'a Settings,
    work: &'a WorkFolder,
    progress: &'a Progress,
    validation: Validation,
}

impl Run<'_> {
    fn train(&self) -> anyhow::Result<Trained> {
        let baselines = self.baselines()?;
        let rounds = self.rounds()?;
        let best = rounds
            .iter()
            .min_by(|a, b| {
                a.record
                    .score
                    .objective
                    .total_cmp(&b.record.score.objective)
            })
            .context("there was no round")?;
        let search = self.search(best)?;
        let mut ranges = Ranges::default();
        for round in &rounds {
            ranges.merge(&round.ranges);
        }
        Ok(Trained {
            history: History {
                baselines,
                rounds: rounds.iter().map(|round| round.record).collect(),
                chosen: chosen(best, &search),
                score: search.best_score,
                search: search.records,
            },
            weights: search.best,
            ranges,
        })
    }

    fn baselines(&self) -> anyhow::Result<Vec<Baseline>> {
        const FILE: &str = "baselines.json";
        if let Some(found) = self.work.load(FILE)? {
            return Ok(found);
        }
        let mut baselines = Vec::new();
        for (policy, config) in BASELINES {
            let bar = self.progress.stage(policy, self.validation.len());
            let score = self.validation.score(|| build(&config), bar);
            self.tell(policy, &score);
            baselines.push(Baseline {
                policy: policy.to_owned(),
                score,
            });
        }
        self.work.store(FILE, &baselines)?;
        Ok(baselines)
    }

    fn rounds(&self) -> anyhow::Result<Vec<RoundCheckpoint>> {
        let mut done: Vec<RoundCheckpoint> = Vec::new();
        let mut window = Window::default();
        for round in 0..self.settings.gather.rounds {
            let file = format!("round-{}.json", round + 1);
            let checkpoint = match self.work.load(&file)? {
                Some(found) => found,
                None => {
                    let made = self.round(round, &done, &mut window)?;
                    self.work.store(&file, &made)?;
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
        let name = format!("round {}", round + 1);
        let score = self.validate(&name, &weights)?;
        Ok(RoundCheckpoint {
            record: RoundRecord {
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
            let stage = format!("round {}: gather", number + 1);
            let bar = self.progress.stage(&stage, self.settings.gather.scenarios);
            let data = gather(self.source, self.settings, number, weights, bar)?;
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
        let stage = format!("round {}: fit", round + 1);
        let bar = self.progress.stage(&stage, steps(data.len(), &options));
        let loss = fit(weights, data, &options, bar)?;
        let decisions = data.len();
        self.progress
            .line(&format!("{stage}: {decisions} decisions, loss {loss:.4}"));
        Ok(loss)
    }

    fn validate(&self, name: &str, weights: &Weights) -> anyhow::Result<Score> {
        let model = weights.scorer()?;
        let stage = format!("{name}: validate");
        let bar = self.progress.stage(&stage, self.validation.len());
        let shipped = OnnxSettings::default();
        let score = self.validation.score(|| learned(&model, shipped), bar);
        self.tell(name, &score);
        Ok(score)
    }

    fn search(&self, start: &RoundCheckpoint) -> anyhow::Result<Search> {
        const FILE: &str = "search.json";
        let settings = &self.settings.finetune;
        let found = self.work.load(FILE)?;
        let mut search = found.unwrap_or_else(|| Search::new(&start.weights, start.record.score));
        while !search.is_done(settings) {
            let stage = format!("generation {}", search.generation + 1);
            let runs = 2 * settings.pairs * settings.scenarios;
            search.step(&Generation {
                source: self.source,
                settings: self.settings,
                progress: self.progress.stage(&stage, runs),
            })?;
            if search.wants_validation(settings) {
                let name = format!("generation {}", search.generation);
                let candidate = search.candidate(settings);
                let score = self.validate(&name, &candidate)?;
                search.validated(candidate, score);
                self.work.store(FILE, &search)?;
            }
        }
        Ok(search)
    }

    fn tell(&self, name: &str, score: &Score) {
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

fn chosen(best: &RoundCheckpoint, search: &Search) -> String {
    let objective = search.best_score.objective;
    let improved = search
        .records
        .iter()
        .find(|record| record.score.objective.total_cmp(&objective).is_eq())
        .filter(|_| objective < best.record.score.objective);
    let round = best.record.round;
    match improved {
        Some(record) => format!("round {round}, generation {}", record.generation),
        None => format!("round {round}"),
    }
}
