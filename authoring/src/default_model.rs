//! The model that the repository ships: peak-EWMA with an error factor, as a linear scorer.

use crate::{export::Export, linear::Linear};
use anyhow::Context as _;
use lb_policy::features::{CONTEXT, FEATURES, index_of};
use std::path::Path;

/// Weights by feature. The policy `peak_ewma` minimises
/// `peak_ewma × (in_flight + 1) × (1 + 20 err) / weight`; this is its logarithm.
const WEIGHTS: [(&str, f32); 4] = [
    ("in_flight", 1.0),
    ("peak_ewma", 1.0),
    ("error_factor", 1.0),
    ("weight", -1.0),
];

/// Writes version 1 of the default model into `dir`.
///
/// # Errors
/// When the feature table lacks a feature, or the folder cannot be written.
pub fn write(dir: &Path) -> anyhow::Result<()> {
    Export::new("default", 1, "hand-set, not trained").write(&network()?, dir)
}

/// The default model's network.
///
/// # Errors
/// When the feature table lacks a feature.
pub fn network() -> anyhow::Result<Linear> {
    let mut weights = [0.0; FEATURES];
    for (name, weight) in WEIGHTS {
        let column = index_of(name).with_context(|| format!("no feature is called {name:?}"))?;
        weights[column] = weight;
    }
    Ok(Linear {
        weights,
        context_weights: [0.0; CONTEXT],
        bias: 0.0,
    })
}
