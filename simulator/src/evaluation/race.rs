//! Runs every contender on every seed of every family, all cores busy. The result does not
//! depend on how many threads there are.

use super::{
    figures::Figures,
    results::{FamilyInfo, FamilyResults},
};
use crate::{
    contender::{Contender, Kind},
    scenario::{Arrivals, Scenario},
    simulation,
};
use rayon::iter::{ParallelBridge, ParallelIterator};

/// What a decision of a learned contender costs beside one that scans all servers.
const LEARNED_FACTOR: f64 = 4.0;
/// Work of one request in the simulation that is not its decision, in servers scanned.
const REQUEST_OVERHEAD: f64 = 30.0;

/// One family with its scenarios, one for each seed.
#[derive(Clone, Debug)]
pub struct Round {
    /// The family.
    pub family: FamilyInfo,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// The scenario of each seed.
    pub scenarios: Vec<Scenario>,
}

/// Why an evaluation cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// The threads cannot be started.
    #[error("cannot start {threads} threads: {cause}")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// Why not.
        cause: rayon::ThreadPoolBuildError,
    },
}

/// One run to do.
#[derive(Clone, Copy, Debug)]
struct Job {
    round: usize,
    seed: usize,
    contender: usize,
    cost: f64,
}

/// Runs all on `threads` threads, 0 for one on each core, and calls `on_done` after each run.
///
/// # Errors
/// When the threads cannot be started.
pub fn run(
    rounds: &[Round],
    contenders: &[Contender],
    threads: usize,
    on_done: &(dyn Fn() + Sync),
) -> Result<Vec<FamilyResults>, RaceError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|cause| RaceError::Threads { threads, cause })?;
    // A bridge hands out jobs one by one and in order: the long ones first, and no core is left
    // with a long one at the end.
    let jobs = jobs(rounds, contenders);
    let mut done: Vec<(Job, Figures)> = pool.install(|| {
        let queue = jobs.into_iter().par_bridge();
        let work = queue.map(|job| {
            let scenario = &rounds[job.round].scenarios[job.seed];
            let choosers = contenders[job.contender].choosers(scenario.balancers.len());
            let figures = Figures::of(&simulation::run(scenario, choosers, None));
            on_done();
            (job, figures)
        });
        work.collect()
    });
    done.sort_unstable_by_key(|(job, _)| (job.round, job.contender, job.seed));
    Ok(in_order(rounds, contenders.len(), &done))
}

fn jobs(rounds: &[Round], contenders: &[Contender]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (round, of_family) in rounds.iter().enumerate() {
        for (seed, scenario) in of_family.scenarios.iter().enumerate() {
            let costs = contenders.iter().map(|c| cost(scenario, c.kind()));
            jobs.extend(costs.enumerate().map(|(contender, cost)| Job {
                round,
                seed,
                contender,
                cost,
            }));
        }
    }
    jobs.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    jobs
}

/// About how long a run takes, in any unit.
fn cost(scenario: &Scenario, kind: Kind) -> f64 {
    let factor = match kind {
        Kind::HandWritten | Kind::Oracle => 1.0,
        Kind::Learned => LEARNED_FACTOR,
    };
    requests(scenario) * (REQUEST_OVERHEAD + factor * scenario.servers.len() as f64)
}

fn requests(scenario: &Scenario) -> f64 {
    match &scenario.arrivals {
        Arrivals::Replay(arrivals) => arrivals.len() as f64,
        Arrivals::Rates(rates) => {
            let ends = rates.iter().skip(1).map(|rate| rate.from);
            let ends = ends.chain([scenario.duration]);
            let steps = rates.iter().zip(ends);
            steps
                .map(|(rate, end)| rate.per_second * (end - rate.from))
                .sum()
        }
    }
}

/// `done` is sorted by family, contender and seed.
fn in_order(rounds: &[Round], contenders: usize, done: &[(Job, Figures)]) -> Vec<FamilyResults> {
    let mut figures = done.iter().map(|(_, figures)| *figures);
    let of_round = |round: &Round| FamilyResults {
        family: round.family.clone(),
        seeds: round.seeds.clone(),
        runs: (0..contenders)
            .map(|_| figures.by_ref().take(round.seeds.len()).collect())
            .collect(),
    };
    rounds.iter().map(of_round).collect()
}
