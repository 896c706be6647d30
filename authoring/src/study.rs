//! The network of the policy study: two layers, of which the second also sees the mean of the
//! first over all candidates, beside a linear path.

use crate::{
    chance::Chance,
    graph::Graph,
    network::{Network, dot, rows},
};
use lb_policy::features::{CONTEXT, FEATURES};

/// h = relu(W1 x + Wg g + b1), z = relu(W2 h + Wp mean(h) + b2), cost = w3 z + wl x + b.
/// Matrices are row-major `[inputs, outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyNet {
    /// W1, `[FEATURES, first]`.
    pub first: Vec<f32>,
    /// Wg, `[CONTEXT, first]`.
    pub context: Vec<f32>,
    /// b1, `[first]`.
    pub first_bias: Vec<f32>,
    /// W2, `[first, second]`.
    pub second: Vec<f32>,
    /// Wp, `[first, second]`.
    pub pooled: Vec<f32>,
    /// b2, `[second]`.
    pub second_bias: Vec<f32>,
    /// w3, `[second]`.
    pub head: Vec<f32>,
    /// wl, `[FEATURES]`.
    pub linear: Vec<f32>,
    /// b.
    pub bias: f32,
}

/// The study's net with random weights, `first` and `second` values wide (32 and 24 there). It
/// decides nothing sensible; it costs what a trained one costs.
pub fn study_net(seed: u64, first: usize, second: usize) -> StudyNet {
    let mut chance = Chance::from_seed(seed);
    let mut weights = |inputs: usize, outputs: usize| -> Vec<f32> {
        let scale = (1.5 / inputs as f32).sqrt();
        (0..inputs * outputs)
            .map(|_| chance.unit() * scale)
            .collect()
    };
    StudyNet {
        first: weights(FEATURES, first),
        context: weights(CONTEXT, first),
        first_bias: weights(1, first),
        second: weights(first, second),
        pooled: weights(first, second),
        second_bias: weights(1, second),
        head: weights(second, 1),
        linear: weights(FEATURES, 1),
        bias: 0.25,
    }
}

impl Network for StudyNet {
    fn graph(&self) -> Graph {
        let (first, second) = (self.first_bias.len(), self.second_bias.len());
        Graph::default()
            .floats("w1", &[FEATURES, first], &self.first)
            .floats("wg", &[CONTEXT, first], &self.context)
            .floats("b1", &[first], &self.first_bias)
            .floats("w2", &[first, second], &self.second)
            .floats("wp", &[first, second], &self.pooled)
            .floats("b2", &[second], &self.second_bias)
            .floats("w3", &[second, 1], &self.head)
            .floats("wl", &[FEATURES, 1], &self.linear)
            .floats("b", &[1], &[self.bias])
            .ints("columns", &[1])
            .ints("over_candidates", &[0]) // an input from operator set 18 on
            .node("MatMul", &["candidates", "w1"], "own")
            .node("Gemm", &["context", "wg", "b1"], "shared")
            .node("Add", &["own", "shared"], "h_in")
            .node("Relu", &["h_in"], "h")
            .node("ReduceMean", &["h", "over_candidates"], "pool")
            .with("keepdims", 1)
            .node("MatMul", &["h", "w2"], "own2")
            .node("Gemm", &["pool", "wp", "b2"], "shared2")
            .node("Add", &["own2", "shared2"], "z_in")
            .node("Relu", &["z_in"], "z")
            .node("Gemm", &["candidates", "wl", "b"], "skip")
            .node("MatMul", &["z", "w3"], "deep")
            .node("Add", &["deep", "skip"], "sum")
            .node("Squeeze", &["sum", "columns"], "cost")
    }

    fn costs(&self, candidates: &[f32], context: &[f32]) -> Vec<f64> {
        let rows = rows(candidates);
        let context: Vec<f64> = context.iter().map(|value| f64::from(*value)).collect();
        let shared = sum(&product(&context, &self.context), &widen(&self.first_bias));
        let h: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| relu_of_sum(&product(row, &self.first), &shared))
            .collect();
        let mean: Vec<f64> = (0..shared.len())
            .map(|j| h.iter().map(|row| row[j]).sum::<f64>() / h.len() as f64)
            .collect();
        let shared = sum(&product(&mean, &self.pooled), &widen(&self.second_bias));
        let z = h
            .iter()
            .map(|row| relu_of_sum(&product(row, &self.second), &shared));
        z.zip(&rows)
            .map(|(z, row)| dot(&self.head, &z) + dot(&self.linear, row) + f64::from(self.bias))
            .collect()
    }
}

/// A row vector times a row-major matrix `[inputs, outputs]`.
fn product(input: &[f64], weights: &[f32]) -> Vec<f64> {
    let outputs = weights.len() / input.len();
    let column = |j: usize| {
        let weights = weights.iter().skip(j).step_by(outputs);
        weights
            .zip(input)
            .map(|(weight, x)| f64::from(*weight) * x)
            .sum()
    };
    (0..outputs).map(column).collect()
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn relu_of_sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| (a + b).max(0.0)).collect()
}
