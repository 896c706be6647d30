//! One decision with its result.

use serde::{Deserialize, Serialize};

/// One decision of a balancer with what it knew and what came of it. An attempt that is tried
/// again elsewhere is a decision of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// When it was made, in microseconds since 1970; in a simulation since its start.
    pub time_us: i64,
    /// The request; the same for all attempts of one.
    pub request: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The cluster; in a simulation the scenario.
    pub cluster: String,
    /// Slot of the request's class (`lb_policy::request::Class::slot`).
    pub class: u32,
    /// The policy's name.
    pub policy: String,
    /// Name of the model, empty without one.
    pub model: String,
    /// Version of the model, 0 without one.
    pub model_version: u64,
    /// Feature schema of `features` and `context` (`lb_policy::features::schema_id`).
    pub schema: String,
    /// How the choice came about: `policy`, `explored`, `capped` or `fallback_<reason>`.
    pub kind: String,
    /// The endpoints compared, as `host:port`.
    pub candidates: Vec<String>,
    /// Their features, row-major [candidates, FEATURES].
    pub features: Vec<f32>,
    /// Features of the decision.
    pub context: Vec<f32>,
    /// The model's cost of each, a logarithm; empty where no model scored.
    pub costs: Vec<f32>,
    /// What each would truly have cost, in seconds; only a simulation knows, else empty.
    pub true_costs: Vec<f32>,
    /// Index into `candidates` of the chosen one.
    pub chosen: u32,
    /// Probability with which it was to be chosen.
    pub propensity: f32,
    /// Mean latency of the class as the balancer saw it, in seconds.
    pub class_mean_seconds: f32,
    /// How it ended: `success`, `server_error`, `connection_error`, `timeout` or `cancelled`.
    pub outcome: String,
    /// Status of the response, 0 without one.
    pub status: u32,
    /// Time to the response header or to the failure, in seconds.
    pub latency_seconds: f32,
}
