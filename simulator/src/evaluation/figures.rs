//! The figures of one run, as they are stored and compared.

use crate::outcome::{Latency, RunResult};
use serde::{Deserialize, Serialize};

/// What is kept of one run. Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Requests counted.
    pub requests: u64,
    /// Requests that failed, time-outs included.
    pub errors: u64,
    /// Requests given up on.
    pub timeouts: u64,
    /// Successful responses per second.
    pub goodput: f64,
    /// Latency of successes and time-outs.
    pub latency: LatencyFigures,
    /// The same with each fast error counted as a whole time-out.
    pub penalized: LatencyFigures,
    /// Share of the sampled decisions within 10 % of the best candidate's true cost.
    pub optimal_share: f64,
    /// Decisions made, retries included.
    pub decisions: u64,
    /// Of those, made by a learned policy's fallback.
    pub fallbacks: u64,
}

/// A latency distribution in short, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyFigures {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 99 % quantile.
    pub p99: f64,
    /// 99.9 % quantile.
    pub p999: f64,
    /// L1.5 norm.
    pub norm: f64,
}

/// One figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean latency.
    Mean,
    /// Median latency.
    P50,
    /// 99 % quantile of the latency.
    P99,
    /// 99.9 % quantile of the latency.
    P999,
    /// Share of the requests that failed.
    ErrorRate,
    /// Successful responses per second.
    Goodput,
    /// Share of optimal decisions.
    OptimalShare,
    /// The objective J.
    Objective,
}

impl Metric {
    /// The figure of this metric in `figures`.
    pub fn of(self, figures: &Figures) -> f64 {
        match self {
            Self::Mean => figures.latency.mean,
            Self::P50 => figures.latency.p50,
            Self::P99 => figures.latency.p99,
            Self::P999 => figures.latency.p999,
            Self::ErrorRate => figures.result().error_rate(),
            Self::Goodput => figures.goodput,
            Self::OptimalShare => figures.optimal_share,
            Self::Objective => figures.result().objective(),
        }
    }
}

impl Figures {
    /// The figures of `result`.
    pub fn of(result: &RunResult) -> Self {
        Self {
            requests: result.requests,
            errors: result.errors,
            timeouts: result.timeouts,
            goodput: result.goodput,
            latency: result.latency.into(),
            penalized: result.penalized.into(),
            optimal_share: result.optimal_share,
            decisions: result.decisions,
            fallbacks: result.fallbacks,
        }
    }

    /// Why these figures can be compared with none; `None` when they can.
    pub fn problem(&self) -> Option<String> {
        if self.requests == 0 {
            return Some("no request was counted".to_owned());
        }
        let named = [
            ("latency.mean", self.latency.mean),
            ("latency.p50", self.latency.p50),
            ("latency.p99", self.latency.p99),
            ("latency.p999", self.latency.p999),
            ("penalized.mean", self.penalized.mean),
            ("penalized.p50", self.penalized.p50),
            ("penalized.p99", self.penalized.p99),
            ("penalized.p999", self.penalized.p999),
        ];
        if let Some((name, value)) = named.iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Some(format!("{name} is {value}, not a positive time"));
        }
        let others = [
            self.goodput,
            self.optimal_share,
            self.latency.norm,
            self.penalized.norm,
        ];
        let is_odd = others
            .iter()
            .any(|value| !(value.is_finite() && *value >= 0.0));
        is_odd.then(|| "a figure is negative or not finite".to_owned())
    }

    /// As a result, which knows how rates and objectives are made.
    fn result(&self) -> RunResult {
        RunResult {
            requests: self.requests,
            errors: self.errors,
            latency: self.latency.into(),
            penalized: self.penalized.into(),
            ..RunResult::default()
        }
    }
}

impl From<Latency> for LatencyFigures {
    fn from(latency: Latency) -> Self {
        Self {
            mean: latency.mean,
            p50: latency.p50,
            p99: latency.p99,
            p999: latency.p999,
            norm: latency.norm,
        }
    }
}

impl From<LatencyFigures> for Latency {
    fn from(figures: LatencyFigures) -> Self {
        Self {
            mean: figures.mean,
            p50: figures.p50,
            p99: figures.p99,
            p999: figures.p999,
            norm: figures.norm,
        }
    }
}
