//! Two hundred reloads under load: nothing fails, nothing leaks, metrics stay true.

use crate::{
    authored,
    backends::{Backends, assert_none_failed},
    support::edge::Edge,
};
use std::path::Path;

const RELOADS: usize = 200;
/// Memory is compared with what it was after so many, when pools and caches are filled.
const WARM: usize = 20;
const RATE_PER_S: f64 = 300.0;

fn config(backends: &Backends, model: &Path, third: bool) -> String {
    let endpoints = backends.discovery(0..if third { 3 } else { 2 });
    format!(
        "access_log: off\nclusters: [{{ name: web, {endpoints}, health_check: {{ path: /health }}, policy: {{ type: onnx, model: {}, runtime: native, score_budget: 1s }} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}]\n",
        model.display()
    )
}

/// What a reload is to meet.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A newer model.
    Newer,
    /// The same models, but other endpoints.
    Endpoints,
    /// A newer version that is broken; it is removed after.
    BrokenModel,
    /// A file that is no configuration; it is mended after.
    BrokenFile,
}

const CYCLE: [Step; 5] = [
    Step::Newer,
    Step::BrokenModel,
    Step::Endpoints,
    Step::Newer,
    Step::BrokenFile,
];

/// What must be true of the proxy.
#[derive(Debug)]
struct Expected {
    generation: u64,
    version: u64,
    third: bool,
}

#[test]
fn two_hundred_reloads_under_load_fail_no_request_and_leak_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    authored::write_good(&model, 1, 0.0);
    let backends = Backends::start(3);
    let mut edge = Edge::start(&config(&backends, &model, true));
    let load = backends.load(&edge, RATE_PER_S);
    let mut expected = Expected {
        generation: 1,
        version: 1,
        third: true,
    };
    let mut warm = 0.0;
    for (count, step) in (1..=RELOADS).zip(CYCLE.iter().cycle()) {
        take(*step, &mut edge, &backends, &model, &mut expected);
        assert_true_metrics(&edge, &backends, *step, &expected);
        if count == WARM {
            warm = resident_bytes(&edge);
        }
    }
    let after = resident_bytes(&edge);
    assert_none_failed(&backends.finish(load));
    assert_eq!(edge.metric("lb_dropped_requests_total", &[]), Some(0.0));
    assert!(
        after <= warm * 1.1,
        "{warm} bytes after {WARM} reloads, {after} after {RELOADS}"
    );
}

/// Prepares one reload, awaits it and cleans up after it.
fn take(step: Step, edge: &mut Edge, backends: &Backends, model: &Path, expected: &mut Expected) {
    let next = expected.version + 1;
    match step {
        Step::Newer => {
            authored::write_good(model, next, next as f32);
            expected.version = next;
        }
        Step::Endpoints => {
            expected.third = !expected.third;
            edge.write_rest(&config(backends, model, expected.third));
        }
        Step::BrokenModel => authored::write_not_a_number(model, next),
        Step::BrokenFile => edge.write_rest("colour: red"),
    }
    let result = edge.reload();
    match step {
        Step::Newer | Step::Endpoints => {
            expected.generation += 1;
            assert_eq!(result, Ok(expected.generation), "{step:?}");
        }
        Step::BrokenModel => {
            assert!(result.is_err_and(|error| error.contains("NaN")));
            authored::remove(model, next);
        }
        Step::BrokenFile => {
            assert!(result.is_err_and(|error| error.contains("colour")));
            edge.write_rest(&config(backends, model, expected.third));
        }
    }
}

fn assert_true_metrics(edge: &Edge, backends: &Backends, step: Step, expected: &Expected) {
    let metric = |name: &str, labels: &[&str]| edge.metric(name, labels);
    let worked = matches!(step, Step::Newer | Step::Endpoints);
    assert_eq!(
        metric("lb_config_generation", &[]),
        Some(expected.generation as f64)
    );
    assert_eq!(
        metric("lb_config_last_reload_success", &[]),
        Some(f64::from(u8::from(worked)))
    );
    let models_fine = match step {
        Step::Newer | Step::Endpoints => Some(1.0),
        Step::BrokenModel => Some(0.0),
        // The models were not looked at.
        Step::BrokenFile => metric("lb_model_last_reload_success", &[]),
    };
    assert_eq!(metric("lb_model_last_reload_success", &[]), models_fine);
    let version = format!("version=\"{}\"", expected.version);
    assert_eq!(metric("lb_policy_info", &[&version]), Some(1.0));
    assert_eq!(metric("lb_policy_info", &[]), Some(1.0));
    let third = format!("endpoint=\"{}\"", backends.address(2));
    assert_eq!(
        edge.admin_get("/metrics").text().contains(&third),
        expected.third
    );
    let ready = if expected.third { 3.0 } else { 2.0 };
    assert_eq!(metric("lb_cluster_ready_endpoints", &[]), Some(ready));
}

fn resident_bytes(edge: &Edge) -> f64 {
    edge.metric("process_resident_memory_bytes", &[])
        .expect("the process tells its memory")
}
