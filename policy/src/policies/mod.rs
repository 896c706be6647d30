//! Balancing policies: pure choices among candidates, with no clock and no network.

mod candidates;
mod scratch;
mod lowest;
mod choices;
mod fading;
mod by_endpoint;
mod random;
mod round_robin;
mod client_side_weighted_round_robin;
mod least_request;
mod peak_ewma;
mod shortest_expected_delay;
mod c3;
mod prequal;
mod prequal_probing;
mod ring_hash;
mod config;
mod onnx;
mod explain;

pub use candidates::Candidates;
pub use choices::Choices;
pub use config::{PolicyConfig, build};
pub use explain::Explanation;
pub use least_request::LoadSource;
pub use onnx::{Onnx, OnnxSettings, Scoring};
pub use peak_ewma::peak_ewma_cost;
pub use scratch::Scratch;

use crate::{
    request::Request,
    telemetry::{ClusterStats, EndpointStats},
    time::Timestamp,
};
use std::{fmt, sync::Arc, time::Duration};

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
    /// Drawn evenly, among those not much worse than the best, to keep learning.
    Explored,
    /// The policy's next best, because its best had more than its cap of the traffic.
    Capped,
    /// One that became ready lately and had less than half of its fair share, instead of the
    /// policy's own choice.
    New,
    /// The fallback's choice.
    Fallback(FallbackReason),
}

impl PickKind {
    /// The words of all kinds, each at its index.
    pub const WORDS: [&'static str; 5] = ["policy", "explored", "capped", "new", "fallback"];

    /// Index of the kind, the same whatever the reason of a fallback.
    pub fn index(self) -> usize {
        match self {
            Self::Policy => 0,
            Self::Explored => 1,
            Self::Capped => 2,
            Self::New => 3,
            Self::Fallback(_) => 4,
        }
    }

    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self.index()]
    }
}

/// The word, of a fallback with its reason: `fallback_stale`.
impl fmt::Display for PickKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fallback(reason) => write!(f, "{}_{}", self.as_str(), reason.as_str()),
            _ => f.write_str(self.as_str()),
        }
    }
}

/// Why a model's answer was not used, or not asked for.
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
    /// The cluster fails so many requests that it counts as saturated.
    Saturated,
}

impl FallbackReason {
    /// All reasons, each at the index that it has as a number.
    pub const ALL: [Self; 5] = [
        Self::NotFinite,
        Self::OutOfRange,
        Self::Runtime,
        Self::Stale,
        Self::Saturated,
    ];

    /// The word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::OutOfRange => "out_of_range",
            Self::Runtime => "runtime",
            Self::Stale => "stale",
            Self::Saturated => "saturated",
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

    /// What the policy wants to know from endpoints beyond their reports; `None` for nothing.
    fn probing(&self) -> Option<&dyn Probing> {
        None
    }
}

/// A policy that has endpoints asked for their load beside the requests.
pub trait Probing {
    /// How many candidates, drawn evenly, are to be asked for each request; a fraction adds up
    /// over the requests.
    fn probes_per_request(&self) -> f32;

    /// Takes in the answer of an endpoint that came at `now`.
    fn record_probe(&self, endpoint: &Arc<EndpointStats>, answer: ProbeAnswer, now: Timestamp);
}

/// An endpoint's answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeAnswer {
    /// Requests in flight there, from all balancers.
    pub in_flight: f32,
    /// Latency that it expects at that load, in seconds.
    pub latency_seconds: f32,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_choice_has_a_word_of_its_own() {
        let stale = PickKind::Fallback(FallbackReason::Stale);
        let kinds = [
            PickKind::Policy,
            PickKind::Explored,
            PickKind::Capped,
            PickKind::New,
            stale,
        ];
        assert_eq!(kinds.map(PickKind::as_str), PickKind::WORDS);
        let written = kinds.map(|kind| kind.to_string());
        assert_eq!(
            written,
            ["policy", "explored", "capped", "new", "fallback_stale"]
        );
    }
}
