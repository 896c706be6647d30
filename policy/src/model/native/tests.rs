//! Small graphs, operator by operator, against results worked out by hand.

use super::{
    super::{
        graph::{Graph, Metadata},
        proto::{self, Attribute, Node, Tensor},
        scorer::{Scorer as _, Workspace},
    },
    Native, Unsupported,
};
use crate::features::{CONTEXT, FEATURES};

/// A graph from lines such as `sum = Add candidates bias` and float constants.
fn graph<'a>(lines: &[&'a str], floats: &[(&'a str, &[i64], Vec<f32>)]) -> Graph<'a> {
    let mut proto = proto::Graph::default();
    for (name, dims, values) in floats {
        proto.initializers.push(Tensor {
            name,
            dims: dims.to_vec(),
            data_type: proto::FLOAT,
            floats: values.clone(),
            ..Tensor::default()
        });
    }
    proto.nodes = lines.iter().map(|line| node(line)).collect();
    for value in [-1, 0, 1] {
        proto.initializers.push(Tensor {
            name: ["-1", "0", "1"][(value + 1) as usize],
            dims: vec![1],
            data_type: proto::INT64,
            ints: vec![value],
            ..Tensor::default()
        });
    }
    let text = String::new;
    let metadata = Metadata {
        schema: text(),
        name: text(),
        version: text(),
        training: text(),
    };
    Graph {
        proto,
        opset: 18,
        metadata,
    }
}

fn node(line: &str) -> Node<'_> {
    let mut words = line.split(' ');
    let output = words.next().unwrap();
    let operator = words.nth(1).unwrap();
    let mut node = Node {
        operator,
        outputs: vec![output],
        ..Node::default()
    };
    for word in words {
        match word.split_once('=') {
            None => node.inputs.push(word),
            Some((name, value)) => node.attributes.push(Attribute {
                name,
                int: value.parse().ok(),
                float: value.parse().ok(),
                ..Attribute::default()
            }),
        }
    }
    node
}

/// Scores three candidates whose row i is i, i + 1, i + 2 …; the context is all twos.
fn costs(graph: &Graph<'_>) -> Vec<f32> {
    let rows: Vec<f32> = (0..3)
        .flat_map(|i| (0..FEATURES).map(move |j| (i + j) as f32))
        .collect();
    let mut costs = vec![f32::NAN; 3];
    let native = Native::compile(graph).unwrap();
    native
        .score(
            &rows,
            &[2.0; CONTEXT],
            &mut costs,
            &mut Workspace::default(),
        )
        .unwrap();
    costs
}

fn refusal(lines: &[&str], floats: &[(&str, &[i64], Vec<f32>)]) -> Unsupported {
    Native::compile(&graph(lines, floats)).unwrap_err()
}

/// Weights that pick the first feature.
fn first() -> (&'static str, &'static [i64], Vec<f32>) {
    let mut weights = vec![0.0; FEATURES];
    weights[0] = 1.0;
    ("first", &[FEATURES as i64, 1], weights)
}

#[test]
fn dense_layers_take_transposed_weights_and_factors() {
    let mut transposed = first();
    transposed.1 = &[1, FEATURES as i64];
    let lines = [
        "x = Gemm candidates first bias transB=1 alpha=2 beta=3",
        "cost = Squeeze x 1",
    ];
    let graph = graph(&lines, &[transposed, ("bias", &[], vec![10.0])]);
    assert_eq!(costs(&graph), [30.0, 32.0, 34.0]);
}

#[test]
fn element_wise_operators_keep_their_order_and_broadcast() {
    let lines = [
        "x = MatMul candidates first",
        "a = Sub ten x",
        "b = Div a two",
        "c = Mul b context_mean",
        "context_mean2 = Identity context_mean",
        "d = Add context_mean2 c",
        "cost = Reshape d -1",
    ];
    let mean = ["context_mean = ReduceMean context 1"];
    let lines: Vec<&str> = mean.iter().chain(&lines).copied().collect();
    let graph = graph(
        &lines,
        &[
            first(),
            ("ten", &[1], vec![10.0]),
            ("two", &[1, 1], vec![2.0]),
        ],
    );
    assert_eq!(costs(&graph), [12.0, 11.0, 10.0]);
}

#[test]
fn activations_do_what_their_names_say() {
    let lines = [
        "x = MatMul candidates first",
        "y = Sub x one",
        "r = Relu y",
        "t = Tanh y",
        "s = Sigmoid y",
        "all = Concat r t s axis=1",
        "sum = MatMul all digits",
        "cost = Squeeze sum -1",
    ];
    let constants = [
        first(),
        ("one", &[][..], vec![1.0]),
        ("digits", &[3, 1], vec![100.0, 10.0, 1.0]),
    ];
    let costs = costs(&graph(&lines, &constants));
    let expected =
        [-1f32, 0.0, 1.0].map(|x| 100.0 * x.max(0.0) + 10.0 * x.tanh() + 1.0 / (1.0 + (-x).exp()));
    for (cost, expected) in costs.iter().zip(expected) {
        assert!(
            (cost - expected).abs() < 1e-4,
            "{cost} should be {expected}"
        );
    }
}

#[test]
fn means_run_over_candidates_or_over_columns() {
    let lines = [
        "pool = ReduceMean candidates 0 keepdims=0",
        "centred = Sub candidates pool",
        "cost = ReduceMean centred 1 keepdims=0",
    ];
    assert_eq!(costs(&graph(&lines, &[])), [-1.0, 0.0, 1.0]);
}

#[test]
fn a_layer_that_is_read_twice_keeps_its_value() {
    // Joining Add or Relu into `x` would change what the second reader sees.
    let lines = [
        "x = MatMul candidates first",
        "alias = Identity x",
        "more = Add alias ten",
        "high = Relu more",
        "both = Add high x",
        "cost = Squeeze both 1",
    ];
    let graph = graph(&lines, &[first(), ("ten", &[1], vec![10.0])]);
    assert_eq!(costs(&graph), [10.0, 12.0, 14.0]);
}

#[test]
fn a_bias_may_come_after_its_layer() {
    let lines = [
        "x = MatMul candidates first",
        "late = ReduceMean candidates 0",
        "base = MatMul late first",
        "sum = Add x base",
        "cost = Squeeze sum 1",
    ];
    assert_eq!(costs(&graph(&lines, &[first()])), [1.0, 2.0, 3.0]);
}

#[test]
fn operator_set_seventeen_keeps_axes_in_an_attribute() {
    let lines = ["m = ReduceMean candidates keepdims=0", "cost = Identity m"];
    let mut old = graph(&lines, &[]);
    old.opset = 17;
    let axes = Attribute {
        name: "axes",
        ints: vec![1],
        ..Attribute::default()
    };
    old.proto.nodes[0].attributes.push(axes);
    assert_eq!(costs(&old), [16.5, 17.5, 18.5]);
    old.opset = 18;
    assert!(
        Native::compile(&old).is_err(),
        "operator set 18 has no such attribute"
    );
}

#[test]
fn refusals_name_node_operator_and_reason() {
    let x = "x = MatMul candidates first";
    for (lines, node, operator, reason) in [
        (vec![x, "y = Erf x"], "y", "Erf", "not supported"),
        (
            vec!["y = Relu candidates slope=1"],
            "y",
            "Relu",
            "\"slope\"",
        ),
        (vec!["y = Relu nothing"], "y", "Relu", "not defined before"),
        (vec!["y = Relu"], "y", "Relu", "0 inputs, expected 1"),
        (vec![x, x], "x", "MatMul", "defined twice"),
        (
            vec!["y = MatMul candidates candidates"],
            "y",
            "MatMul",
            "must be a constant",
        ),
        (
            vec!["y = MatMul context first"],
            "y",
            "MatMul",
            "[1, 8] times [34, 1]",
        ),
        (vec!["y = Add candidates context"], "y", "Add", "do not fit"),
        (
            vec!["y = Squeeze candidates"],
            "y",
            "Squeeze",
            "axes must be given",
        ),
        (
            vec!["y = ReduceMean candidates"],
            "y",
            "ReduceMean",
            "axes must be given",
        ),
        (
            vec!["y = Concat candidates context axis=1"],
            "y",
            "Concat",
            "side by side",
        ),
        (
            vec!["y = Concat candidates candidates axis=0"],
            "y",
            "Concat",
            "side by side",
        ),
        (
            vec!["y = Reshape candidates -1"],
            "y",
            "Reshape",
            "cannot become",
        ),
        (
            vec!["y = Gemm candidates first transA=1"],
            "y",
            "Gemm",
            "transA",
        ),
        (
            vec!["y = Gemm candidates first candidates"],
            "y",
            "Gemm",
            "bias of shape",
        ),
        (
            vec!["cost = Identity candidates"],
            "cost",
            "output",
            "expected [d]",
        ),
        (vec![x], "cost", "output", "not defined"),
    ] {
        let refusal = refusal(&lines, &[first()]);
        assert_eq!(
            (refusal.node.as_str(), refusal.operator.as_str()),
            (node, operator),
            "{refusal}"
        );
        assert!(
            refusal.reason.contains(reason),
            "{refusal} should say {reason}"
        );
    }
}

#[test]
fn constants_that_lie_about_their_size_are_refused() {
    for (dims, values) in [
        (&[34, 1][..], vec![0.0; 33]),
        (&[-1, 1], vec![]),
        (&[i64::MAX, 4], vec![]),
        (&[1 << 40, 1], vec![]),
        (&[0, 1], vec![]),
    ] {
        let refusal = refusal(&["y = MatMul candidates w"], &[("w", dims, values)]);
        assert_eq!(refusal.operator, "MatMul", "{refusal}");
    }
}

#[test]
fn intermediate_values_are_bounded() {
    let wide: Vec<String> = (0..20)
        .map(|i| match i {
            0 => "v0 = Concat candidates candidates axis=1".to_owned(),
            i => format!("v{i} = Concat v{0} v{0} axis=1", i - 1),
        })
        .collect();
    let lines: Vec<&str> = wide.iter().map(String::as_str).collect();
    let refusal = refusal(&lines, &[]);
    assert!(refusal.reason.contains("intermediate values"), "{refusal}");
}

#[test]
fn rows_that_do_not_match_the_costs_are_an_error() {
    let lines = ["x = MatMul candidates first", "cost = Squeeze x 1"];
    let native = Native::compile(&graph(&lines, &[first()])).unwrap();
    let mut workspace = Workspace::default();
    assert!(
        native
            .score(&[0.0; 5], &[0.0; CONTEXT], &mut [0.0], &mut workspace)
            .is_err()
    );
    assert!(
        native
            .score(&[], &[0.0; CONTEXT], &mut [], &mut workspace)
            .is_ok()
    );
}
