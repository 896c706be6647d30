//! Judges a policy in closed loop: how requests fare in fixed scenarios when it decides. Rounds
//! are chosen by this and never by the loss of the fit, which says little about it.

use crate::{
    seeds,
    settings::ValidateSettings,
    source::{Source, thinned},
};
use indicatif::ProgressBar;
use lb_policy::policies::Policy;
use lb_simulator::{
    outcome::RunResult,
    scenario::Scenario,
    simulation::{Chooser, run},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Fixed scenarios.
#[derive(Debug)]
pub struct Validation {
    scenarios: Vec<Scenario>,
}

/// How a policy fared, over all scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Mean of the objective J (`RunResult::objective`), lower is better.
    pub objective: f64,
    /// Mean share of the requests that failed.
    pub error_rate: f64,
    /// Geometric mean of the mean latency, penalised, in seconds.
    pub mean_seconds: f64,
    /// Geometric mean of the 99 % quantile, penalised, in seconds.
    pub p99_seconds: f64,
}

impl Validation {
    /// Draws the scenarios.
    ///
    /// # Errors
    /// When the family cannot give one.
    pub fn new(source: &dyn Source, settings: &ValidateSettings) -> anyhow::Result<Self> {
        let scenarios = (0..settings.scenarios)
            .map(|number| {
                let scenario = source.draw(seeds::validation(number))?;
                Ok(thinned(scenario, settings.thinning))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { scenarios })
    }

    /// Number of scenarios.
    pub fn len(&self) -> usize {
        self.scenarios.len()
    }

    /// Whether there is no scenario.
    pub fn is_empty(&self) -> bool {
        self.scenarios.is_empty()
    }

    /// The score of what `policy` makes for each balancer. `progress` counts scenarios.
    pub fn score(
        &self,
        policy: impl Fn() -> Box<dyn Policy> + Sync,
        progress: &ProgressBar,
    ) -> Score {
        let results: Vec<RunResult> = self
            .scenarios
            .par_iter()
            .map(|scenario| {
                let result = run(scenario, everywhere(scenario, &policy), None);
                progress.inc(1);
                result
            })
            .collect();
        Score::of(&results)
    }
}

/// One chooser for each balancer of a scenario.
pub fn everywhere(scenario: &Scenario, policy: impl Fn() -> Box<dyn Policy>) -> Vec<Chooser> {
    let balancers = scenario.balancers.iter();
    balancers.map(|_| Chooser::Policy(policy())).collect()
}

impl Score {
    fn of(results: &[RunResult]) -> Self {
        let count = results.len().max(1) as f64;
        let mean =
            |value: &dyn Fn(&RunResult) -> f64| results.iter().map(value).sum::<f64>() / count;
        Self {
            objective: mean(&RunResult::objective),
            error_rate: mean(&RunResult::error_rate),
            mean_seconds: mean(&|result| result.penalized.mean.ln()).exp(),
            p99_seconds: mean(&|result| result.penalized.p99.ln()).exp(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_simulator::outcome::Latency;

    #[test]
    fn scores_average_objectives_and_logarithms() {
        let result = |seconds: f64, errors| RunResult {
            requests: 100,
            errors,
            penalized: Latency {
                mean: seconds,
                p50: seconds,
                p99: seconds,
                p999: seconds,
                norm: seconds,
            },
            ..RunResult::default()
        };
        let score = Score::of(&[result(0.1, 0), result(10.0, 20)]);
        assert!(score.objective.abs() < 1e-12, "{score:?}");
        assert!((score.error_rate - 0.1).abs() < 1e-12);
        assert!((score.mean_seconds - 1.0).abs() < 1e-12);
        assert!((score.p99_seconds - 1.0).abs() < 1e-12);
    }
}
