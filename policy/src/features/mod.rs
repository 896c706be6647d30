//! The inputs of a model: the feature table, its identity, and how features are computed from
//! telemetry. Times are measured in the balancer's own mean latency and mostly logged, so that
//! a model sees neither milliseconds nor absolute load and transfers between clusters.

mod table;
mod schema;
mod document;
mod logarithm;
mod matrix;

pub use document::document;
pub use matrix::{FeatureMatrix, Moment};
pub use schema::{SCHEMA, canonical_lines, schema_id};
pub use table::{
    CANDIDATE_FEATURES, CONTEXT_FEATURES, ERROR_FACTOR, Feature, IN_FLIGHT, PEAK_EWMA, WEIGHT,
    context_index_of, index_of,
};

/// Features of one candidate.
pub const FEATURES: usize = 34;
/// Features of the decision as a whole.
pub const CONTEXT: usize = 8;
