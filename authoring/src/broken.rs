//! Networks that a proxy must refuse, or that only ONNX Runtime can run. For tests.

use crate::{graph::Graph, linear::Linear, network::Network};
use lb_policy::features::{CONTEXT, FEATURES};

/// A sound linear network to break.
pub fn sound() -> Linear {
    let mut weights = [0.0; FEATURES];
    weights[0] = 1.0;
    weights[FEATURES - 1] = -0.5;
    Linear {
        weights,
        context_weights: [0.125; CONTEXT],
        bias: 0.5,
    }
}

/// Every cost is NaN.
pub fn not_a_number() -> Linear {
    Linear {
        bias: f32::NAN,
        ..sound()
    }
}

/// ln(1 + e^x) of a linear network by the operator Softplus, which the native runtime does not
/// have and ONNX Runtime does.
#[derive(Clone, Debug)]
pub struct Softplus(pub Linear);

impl Network for Softplus {
    fn graph(&self) -> Graph {
        let mut graph = self.0.graph();
        let last = graph.nodes.last_mut().expect("a linear network has nodes");
        "plain".clone_into(&mut last.output);
        graph.node("Softplus", &["plain"], "cost")
    }

    fn costs(&self, rows: &[f32], context: &[f32]) -> Vec<f64> {
        self.0
            .costs(rows, context)
            .into_iter()
            .map(|cost| cost.exp().ln_1p())
            .collect()
    }
}

/// A network whose formula is not its graph, as after a mistake in an exporter.
#[derive(Clone, Debug)]
pub struct Disagreeing(pub Linear);

impl Network for Disagreeing {
    fn graph(&self) -> Graph {
        self.0.graph()
    }

    fn costs(&self, rows: &[f32], context: &[f32]) -> Vec<f64> {
        self.0
            .costs(rows, context)
            .into_iter()
            .map(|cost| cost + 0.01)
            .collect()
    }
}
