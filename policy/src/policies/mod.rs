//! Balancing policies: pure choices among candidates, with no clock and no network.

mod candidates;
mod scratch;
mod lowest;
mod random;
mod round_robin;
mod least_request;
mod peak_ewma;
mod c3;
mod prequal;
mod ring_hash;
mod config;
mod onnx;
mod explain;

pub use candidates::Candidates;
pub use config::{Choices, PolicyConfig, build};
pub use explain::Explanation;
pub use onnx::{Onnx, OnnxSettings, Scoring};
pub use peak_ewma::peak_ewma_cost;
pub use scratch::Scratch;

use crate::{request::Request, telemetry::ClusterStats, time::Timestamp};
use std::{fmt, time::Duration};

/// All that one decision reads.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The request.
    pub request: &'a Request,
    /// Who may take it.
    pub candidates: &'a Candidates,
    /// What is known of the cluster as a whole.
    pub cluster: &'a ClusterStats,
    /// The time of the decision.
    pub now: Timestamp,
    /// Buffers and chance.
    pub scratch: &'a mut Scratch,
}

/// A choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Index into the candidates.
    pub index: usize,
    /// Probability with which this candidate was to be chosen, above 0 and at most 1. Where
    /// only a sample of the candidates was looked at: given that sample.
    pub propensity: f32,
    /// How it came about.
    pub kind: PickKind,
}

/// How a choice came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickKind {
    /// The policy's own choice.
    Policy,
    /// Drawn uniformly to keep learning.
    Explored,
    /// The policy's next best, because its best had more than its cap of the traffic.
    Capped,
    /// The fallback's choice.
    Fallback(FallbackReason),
}

/// Why a model's answer was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackReason {
    /// A score was NaN or infinite.
    NotFinite,
    /// A score was absurd.
    OutOfRange,
    /// The runtime failed.
    Runtime,
    /// Interval scores were older than allowed, or missing.
    Stale,
}

impl FallbackReason {
    /// All reasons, each at the index that it has as a number.
    pub const ALL: [Self; 4] = [
        Self::NotFinite,
        Self::OutOfRange,
        Self::Runtime,
        Self::Stale,
    ];

    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::OutOfRange => "out_of_range",
            Self::Runtime => "runtime",
            Self::Stale => "stale",
        }
    }
}

/// Chooses one of the candidates.
pub trait Policy: fmt::Debug + Send + Sync {
    /// The choice, or `None` when there are no candidates.
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick>;

    /// How often [`Policy::refresh`] wants to be called; `None` for never.
    fn refresh_interval(&self) -> Option<Duration> {
        None
    }

    /// Work off the hot path, on a timer (interval scoring).
    fn refresh(
        &self,
        _candidates: &Candidates,
        _cluster: &ClusterStats,
        _now: Timestamp,
        _scratch: &mut Scratch,
    ) {
    }
}

impl Pick {
    /// A policy's own choice.
    fn own(index: usize, propensity: f32) -> Self {
        Self {
            index,
            propensity,
            kind: PickKind::Policy,
        }
    }
}
