//! The model that the demo loads under traffic: the default model, with errors counting twice.

use crate::{default_model, export::Export, linear::Linear};
use anyhow::Context as _;
use lb_policy::features::index_of;
use std::path::Path;

/// The feature whose weight differs from the default model, and its factor.
const DOUBLED: (&str, f32) = ("error_factor", 2.0);

/// Writes the demo's model into `dir`. It is version 2: in the demo it stands beside version 1
/// of the default model and has to be the newer one.
///
/// # Errors
/// When the feature table lacks a feature, or the folder cannot be written.
pub fn write(dir: &Path) -> anyhow::Result<()> {
    Export::new("demo", 2, "hand-set, not trained").write(&network()?, dir)
}

/// The demo model's network.
///
/// # Errors
/// When the feature table lacks a feature.
pub fn network() -> anyhow::Result<Linear> {
    let mut network = default_model::network()?;
    let (name, factor) = DOUBLED;
    let column = index_of(name).with_context(|| format!("no feature is called {name:?}"))?;
    network.weights[column] *= factor;
    Ok(network)
}
