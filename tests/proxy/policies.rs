//! Every policy that can be configured serves, the learned one with every runtime.

use crate::{
    backend::Mocks,
    setup::{by_prefix, cluster, counted},
    support::edge::Edge,
};

const REQUESTS: usize = 20;

fn start(mocks: &Mocks, before: &str, policies: &[(&str, &str)]) -> Edge {
    let clusters: Vec<_> = policies
        .iter()
        .map(|(name, policy)| {
            let settings = format!(", policy: {policy}");
            (*name, cluster(name, &mocks.addresses(), &settings))
        })
        .collect();
    Edge::start(&format!("{before}{}", by_prefix(&clusters)))
}

/// Sends requests to the cluster, whose policy is to be of that type.
fn serves(edge: &Edge, name: &str, kind: &str) {
    for _ in 0..REQUESTS {
        assert_eq!(edge.get(&format!("/{name}/")).status, 200, "{name}");
    }
    let labels = [format!("cluster=\"{name}\""), format!("policy=\"{kind}\"")];
    let labels = [labels[0].as_str(), labels[1].as_str()];
    let decided = counted(edge, "lb_decision_duration_seconds_count", &labels);
    assert_eq!(decided as usize, REQUESTS, "{name}");
}

/// Choices of a cluster that came about in one way.
fn picks(edge: &Edge, name: &str, kind: &str) -> usize {
    let (cluster, kind) = (format!("cluster=\"{name}\""), format!("kind=\"{kind}\""));
    counted(edge, "lb_policy_picks_total", &[&cluster, &kind]) as usize
}

#[test]
fn every_policy_serves() {
    let mocks = Mocks::start(3);
    let policies = [
        ("round_robin", "round_robin", "round_robin"),
        ("random", "random", "random"),
        ("least_request", "least_request", "least_request"),
        (
            "least_of_all",
            "{ type: least_request, choices: all, load: reported }",
            "least_request",
        ),
        ("peak_ewma", "peak_ewma", "peak_ewma"),
        ("prequal", "{ type: prequal, quantile: 0.5 }", "prequal"),
        ("c3", "{ type: c3, error_factor: 20 }", "c3"),
        (
            "shortest",
            "shortest_expected_delay",
            "shortest_expected_delay",
        ),
        (
            "by_reports",
            "client_side_weighted_round_robin",
            "client_side_weighted_round_robin",
        ),
        (
            "ring_hash",
            "{ type: ring_hash, header: x-user }",
            "ring_hash",
        ),
        ("by_address", "ring_hash", "ring_hash"),
    ];
    let edge = start(
        &mocks,
        "",
        &policies.map(|(name, policy, _)| (name, policy)),
    );
    for (name, _, kind) in policies {
        serves(&edge, name, kind);
        assert_eq!(picks(&edge, name, "policy"), REQUESTS, "{name}");
    }
}

#[test]
fn the_learned_policy_serves_per_request_and_on_a_timer() {
    let mocks = Mocks::start(3);
    let policies = [
        (
            "auto",
            "{ type: onnx, model: models/default, score_budget: 10ms, exploration_percent: 0 }",
        ),
        (
            "native",
            "{ type: onnx, model: models/default, runtime: native, score_budget: 10ms, exploration_percent: 0 }",
        ),
        (
            "timer",
            "{ type: onnx, model: models/default, scoring: interval, scoring_interval: 2ms, exploration_percent: 0 }",
        ),
    ];
    let mut edge = start(&mocks, "", &policies);
    for (name, _) in policies {
        served_by_the_model(&mut edge, name, "native");
    }
}

#[test]
fn onnx_runtime_serves_where_its_library_is() {
    let Ok(library) = std::env::var("ORT_DYLIB_PATH") else {
        panic!(
            "ORT_DYLIB_PATH is not set: run scripts/onnxruntime.sh and set it to the path printed"
        );
    };
    let mocks = Mocks::start(3);
    let policies = [
        (
            "per_request",
            "{ type: onnx, model: models/default, runtime: onnxruntime, score_budget: 1s, exploration_percent: 0 }",
        ),
        (
            "timer",
            "{ type: onnx, model: models/default, runtime: onnxruntime, scoring: interval, exploration_percent: 0 }",
        ),
    ];
    let before = format!("model_runtime: {{ library: \"{library}\" }}\n");
    let mut edge = start(&mocks, &before, &policies);
    for (name, _) in policies {
        served_by_the_model(&mut edge, name, "onnxruntime");
    }
}

/// Waits for a choice that the model made itself; a timer may need its time for the first.
fn served_by_the_model(edge: &mut Edge, name: &str, runtime: &str) {
    serves(edge, name, "onnx");
    let labels = [
        format!("cluster=\"{name}\""),
        format!("runtime=\"{runtime}\""),
    ];
    let labels = [labels[0].as_str(), labels[1].as_str()];
    assert_eq!(edge.metric("lb_policy_info", &labels), Some(1.0), "{name}");
    edge.await_true("the model chooses", |edge| {
        edge.get(&format!("/{name}/")).status == 200 && picks(edge, name, "policy") > 0
    });
}
