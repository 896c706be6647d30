//! A training run from start to end: several networks apart, their mean, then the search from the
//! best of these. Each step leaves a checkpoint, and one that is there is taken.

use crate::{
    dataset::Ranges,
    finetune::{Generation, Search, SearchRecord},
    member::{Member, RoundCheckpoint, RoundRecord, Surroundings},
    progress::Progress,
    settings::Settings,
    source::Source,
    validate::{Score, Validation},
    weights::Weights,
    work_folder::WorkFolder,
};
use anyhow::Context as _;
use lb_policy::policies::{Choices, LoadSource, PolicyConfig, build};
use serde::{Deserialize, Serialize};

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
    /// The rounds of all networks.
    pub rounds: Vec<RoundRecord>,
    /// Score of the mean of the networks; none where there is only one.
    pub mean: Option<Score>,
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

/// A model that may be the one.
#[derive(Clone, Debug)]
struct Candidate {
    name: String,
    weights: Weights,
    score: Score,
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
    let validation = Validation::new(source, &settings.validate)?;
    let around = Surroundings {
        source,
        work,
        progress,
        validation: &validation,
    };
    threads.install(|| Run { settings, around }.train())
}

struct Run<'a> {
    settings: &'a Settings,
    around: Surroundings<'a>,
}

impl Run<'_> {
    fn train(&self) -> anyhow::Result<Trained> {
        let baselines = self.baselines()?;
        let members = (1..=self.settings.members)
            .map(|number| Member::new(number, self.settings, self.around).rounds())
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut candidates: Vec<_> = members.iter().filter_map(|rounds| last(rounds)).collect();
        let mean = self.mean(&candidates)?;
        let mean_score = mean.as_ref().map(|mean| mean.score);
        candidates.extend(mean);
        let start = candidates
            .into_iter()
            .min_by(|a, b| a.score.objective.total_cmp(&b.score.objective))
            .context("there was no round")?;
        let search = self.search(&start)?;
        let mut ranges = Ranges::default();
        for round in members.iter().flatten() {
            ranges.merge(&round.ranges);
        }
        let rounds = members.iter().flatten();
        Ok(Trained {
            history: History {
                baselines,
                rounds: rounds.map(|round| round.record).collect(),
                mean: mean_score,
                chosen: chosen(&start, &search),
                score: search.best_score,
                search: search.records,
            },
            weights: search.best,
            ranges,
        })
    }

    fn baselines(&self) -> anyhow::Result<Vec<Baseline>> {
        const FILE: &str = "baselines.json";
        let Surroundings {
            work,
            progress,
            validation,
            ..
        } = self.around;
        if let Some(found) = work.load(FILE)? {
            return Ok(found);
        }
        let mut baselines = Vec::new();
        for (policy, config) in BASELINES {
            let bar = progress.stage(policy, validation.len());
            let score = validation.score(|| build(&config), bar);
            self.around.tell(policy, &score);
            baselines.push(Baseline {
                policy: policy.to_owned(),
                score,
            });
        }
        work.store(FILE, &baselines)?;
        Ok(baselines)
    }

    /// The mean of several networks; `None` of one. Their errors are partly chance and cancel each
    /// other out (Hansen and Salamon, 1990).
    fn mean(&self, members: &[Candidate]) -> anyhow::Result<Option<Candidate>> {
        const FILE: &str = "mean.json";
        if members.len() < 2 {
            return Ok(None);
        }
        let name = format!("mean of {} networks", members.len());
        let networks: Vec<_> = members
            .iter()
            .map(|member| member.weights.clone())
            .collect();
        let weights = Weights::mean_of(&networks)?;
        let score = match self.around.work.load(FILE)? {
            Some(found) => found,
            None => {
                let score = self.around.validate(&name, &weights)?;
                self.around.work.store(FILE, &score)?;
                score
            }
        };
        Ok(Some(Candidate {
            name,
            weights,
            score,
        }))
    }

    fn search(&self, start: &Candidate) -> anyhow::Result<Search> {
        const FILE: &str = "search.json";
        let settings = &self.settings.finetune;
        let found = self.around.work.load(FILE)?;
        let mut search = found.unwrap_or_else(|| Search::new(&start.weights, start.score));
        while !search.is_done(settings) {
            let stage = format!("generation {}", search.generation + 1);
            let runs = 2 * settings.pairs * settings.scenarios;
            search.step(&Generation {
                source: self.around.source,
                settings: self.settings,
                progress: self.around.progress.stage(&stage, runs),
            })?;
            if search.wants_validation(settings) {
                let name = format!("generation {}", search.generation);
                let candidate = search.candidate(settings);
                let score = self.around.validate(&name, &candidate)?;
                search.validated(candidate, score);
                self.around.work.store(FILE, &search)?;
            }
        }
        Ok(search)
    }
}

/// The last round of a network, which was fitted for the longest: validations of two rounds differ
/// by as much as chance makes of one.
fn last(rounds: &[RoundCheckpoint]) -> Option<Candidate> {
    rounds.last().map(
        |RoundCheckpoint {
             record, weights, ..
         }| Candidate {
            name: format!("network {}, round {}", record.member, record.round),
            weights: weights.clone(),
            score: record.score,
        },
    )
}

fn chosen(start: &Candidate, search: &Search) -> String {
    let objective = search.best_score.objective;
    let improved = search
        .records
        .iter()
        .find(|record| record.score.objective.total_cmp(&objective).is_eq())
        .filter(|_| objective < start.score.objective);
    match improved {
        Some(record) => format!("{}, generation {}", start.name, record.generation),
        None => start.name.clone(),
    }
}
