//! What can be exported: something that is both a graph and a formula.

use crate::graph::Graph;
use lb_policy::features::FEATURES;
use std::fmt::Debug;

/// A scorer. Graph and formula are written apart, so that test vectors from the formula catch
/// mistakes in the graph as well as in a runtime.
pub trait Network: Debug {
    /// The graph: reads `candidates` and `context`, writes `cost`.
    fn graph(&self) -> Graph;

    /// The cost of each row of `rows`, row-major [d, FEATURES], in f64.
    fn costs(&self, rows: &[f32], context: &[f32]) -> Vec<f64>;
}

/// Rows of a feature matrix in f64.
pub(crate) fn rows(rows: &[f32]) -> Vec<Vec<f64>> {
    rows.chunks_exact(FEATURES)
        .map(|row| row.iter().map(|value| f64::from(*value)).collect())
        .collect()
}

/// Σ weight · value.
pub(crate) fn dot(weights: &[f32], values: &[f64]) -> f64 {
    debug_assert_eq!(weights.len(), values.len());
    weights
        .iter()
        .zip(values)
        .map(|(weight, value)| f64::from(*weight) * value)
        .sum()
}
