//! Balancing policies: pure choices among candidates, with no clock and no network.

use crate::{request::Request, telemetry::{ClusterStats, EndpointStats}, time::Timestamp};
use std::{fmt, sync::Arc, time::Duration};

/// The endpoints that may take a request, with what policies derive from the set alone.
/// Made when membership or readiness changes, never per request.
#[derive(Debug)]
pub struct Candidates { endpoints: Vec<Arc<EndpointStats>> }

impl Candidates {
    /// A set in the given order.
    pub fn new(endpoints: Vec<Arc<EndpointStats>>) -> Self { Self { endpoints } }
    /// The endpoints.
    pub fn endpoints(&self) -> &[Arc<EndpointStats>] { &self.endpoints }
}

/// Buffers and chance of one thread, reused from decision to decision.
#[derive(Debug)]
pub struct Scratch {}

impl Scratch {
    /// Buffers for one thread, drawing from `seed`.
    pub fn from_seed(seed: u64) -> Self { let _ = seed; Self {} }
}

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
    /// Probability with which this candidate was to be chosen.
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

/// Chooses one of the candidates.
pub trait Policy: fmt::Debug + Send + Sync {
    /// The choice, or `None` when there are no candidates.
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick>;

    /// How often [`Policy::refresh`] wants to be called; `None` for never.
    fn refresh_interval(&self) -> Option<Duration> { None }

    /// Work off the hot path, on a timer (interval scoring).
    fn refresh(&self, _candidates: &Candidates, _cluster: &ClusterStats, _now: Timestamp, _scratch: &mut Scratch) {}
}
