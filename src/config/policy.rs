//! The choice of an endpoint, as settings: one variant per policy with that policy's own settings.

use super::units;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// How one of the ready endpoints is chosen. Default: peak EWMA.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Policy {
    /// Each endpoint in turn, as often as its weight says.
    RoundRobin,
    /// By chance, in proportion to the weights.
    Random,
    /// Fewest requests in flight.
    LeastRequest {
        /// How many endpoints are compared.
        choices: Choices,
    },
    /// Lowest recent peak latency times requests in flight, times a factor for recent errors.
    #[default]
    PeakEwma,
    /// Hot and cold endpoints by the load they report with each response.
    Prequal {
        /// The quantile of reported load above which an endpoint is hot, 0 to 1. Default 0.4.
        quantile: f64,
    },
    /// Replica ranking by queue estimates and service times (C3).
    C3,
    /// The same endpoint for the same key.
    RingHash {
        /// Request header that is the key; none: the client's address.
        header: Option<String>,
    },
    /// The least cost predicted by an ONNX model.
    Onnx(OnnxPolicy),
}

/// How many endpoints `least_request` compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choices {
    /// Two, drawn by chance.
    #[default]
    Two,
    /// All of them.
    All,
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
    /// Most that one endpoint gets, as a multiple of its fair share, from 1. Default 3.
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
            fallback: Box::new(Policy::PeakEwma),
            scoring: Scoring::PerRequest,
            exploration: 0.01,
            share_cap: 3.0,
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
