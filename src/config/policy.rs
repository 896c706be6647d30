//! The choice of an endpoint, as settings: one variant per policy with that policy's own settings.

use super::units;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// How one of the ready endpoints is chosen. Default: peak EWMA.
///
/// An `error_factor` multiplies what an endpoint costs by 1 + factor × its recent error rate;
/// 0 leaves errors out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Policy {
    /// Each endpoint in turn, as often as its weight says.
    RoundRobin,
    /// By chance, in proportion to the weights.
    Random,
    /// Fewest requests in flight.
    LeastRequest {
        /// How many endpoints are compared. Default two.
        choices: Choices,
        /// Whose requests count. Default: our own.
        load: LoadSource,
        /// Factor for errors. Default 0.
        error_factor: f64,
    },
    /// Lowest recent peak latency times requests in flight, times a factor for recent errors.
    PeakEwma {
        /// How many endpoints are compared. Default all.
        choices: Choices,
        /// Factor for errors. Default 20.
        error_factor: f64,
    },
    /// Shortest expected delay by own latency and the load that endpoints report.
    ShortestExpectedDelay,
    /// Each endpoint in turn, as often as its own reports of throughput and utilisation say.
    ClientSideWeightedRoundRobin,
    /// Hot and cold endpoints by the load they report with each response.
    Prequal {
        /// The quantile of reported load above which an endpoint is hot, 0 to 1. Default 0.4.
        quantile: f64,
    },
    /// Replica ranking by queue estimates and service times (C3).
    C3 {
        /// Factor for errors. Default 0.
        error_factor: f64,
    },
    /// The same endpoint for the same key.
    RingHash {
        /// Request header that is the key; none: the client's address.
        header: Option<String>,
    },
    /// The least cost predicted by an ONNX model.
    Onnx(OnnxPolicy),
}

impl Policy {
    /// `peak_ewma` with its default settings.
    pub const PEAK_EWMA: Self = Self::PeakEwma {
        choices: Choices::All,
        error_factor: 20.0,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::PEAK_EWMA
    }
}

/// How many endpoints are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choices {
    /// Two, drawn by chance.
    Two,
    /// All of them.
    All,
}

/// Whose requests in flight `least_request` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadSource {
    /// Our own.
    #[default]
    Own,
    /// Everybody's, as endpoints report with their responses.
    Reported,
}

/// Settings of the learned policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnnxPolicy {
    /// Folder of model versions; the highest that passes every check is served.
    pub model: PathBuf,
    /// What runs the model.
    pub runtime: ModelRuntime,
    /// Chooses whenever the model gives no usable costs; never `onnx`. Default: peak EWMA.
    pub fallback: Box<Policy>,
    /// When endpoints are scored.
    pub scoring: Scoring,
    /// Share of requests sent to a ready endpoint by chance, 0 to 0.5. Default 0.01.
    pub exploration: f64,
    /// Chance goes to endpoints whose cost is at most this many times the lowest, from 1.
    /// Default 3.
    pub exploration_range: f64,
    /// Above this share of errors the cluster counts as saturated and the fewest requests in
    /// flight decide; 1 switches that off. Default 0.07.
    pub saturation_errors: f64,
    /// Most that one endpoint gets, as a multiple of its fair share, from 1. Default 4.
    pub share_cap: f64,
    /// Longest time to score 32 candidates; a slower model is refused at load. Default 50 µs.
    #[serde(serialize_with = "units::serialize")]
    pub score_budget: Duration,
}

impl OnnxPolicy {
    /// The model in folder `model`, everything else at its default.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            runtime: ModelRuntime::Auto,
            fallback: Box::new(Policy::PEAK_EWMA),
            scoring: Scoring::PerRequest,
            exploration: 0.01,
            exploration_range: 1.5,
            saturation_errors: 0.07,
            share_cap: 4.0,
            score_budget: Duration::from_micros(50),
        }
    }
}

/// What runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRuntime {
    /// The native kernel where it compiles the graph, else ONNX Runtime.
    #[default]
    Auto,
    /// The native kernel only.
    Native,
    /// ONNX Runtime only.
    #[serde(rename = "onnxruntime")]
    OnnxRuntime,
}

/// When endpoints are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// For every request, with the request's own features.
    #[default]
    PerRequest,
    /// All endpoints on a timer, off the path of requests.
    #[serde(serialize_with = "units::serialize")]
    Interval(Duration),
}
