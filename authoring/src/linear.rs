//! A weighted sum of features.

use crate::{
    graph::Graph,
    network::{Network, dot, rows},
};
use lb_policy::features::{CONTEXT, FEATURES};

/// cost = weights · features + context weights · context + bias
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// One weight per feature of a candidate.
    pub weights: [f32; FEATURES],
    /// One weight per feature of the decision.
    pub context_weights: [f32; CONTEXT],
    /// Cost where every feature is zero.
    pub bias: f32,
}

impl Network for Linear {
    fn graph(&self) -> Graph {
        Graph::default()
            .floats("weights", &[FEATURES, 1], &self.weights)
            .floats("context_weights", &[CONTEXT, 1], &self.context_weights)
            .floats("bias", &[1], &[self.bias])
            .ints("columns", &[1])
            .node("Gemm", &["context", "context_weights", "bias"], "base")
            .node("MatMul", &["candidates", "weights"], "own")
            .node("Add", &["own", "base"], "sum")
            .node("Squeeze", &["sum", "columns"], "cost")
    }

    fn costs(&self, candidates: &[f32], context: &[f32]) -> Vec<f64> {
        let context: Vec<f64> = context.iter().map(|value| f64::from(*value)).collect();
        let base = f64::from(self.bias) + dot(&self.context_weights, &context);
        rows(candidates)
            .iter()
            .map(|row| base + dot(&self.weights, row))
            .collect()
    }
}
