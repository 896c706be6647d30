//! `ai-loadbalancer demo` as somebody runs it: real processes, real load, one JSON object.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ai-loadbalancer");
/// The scene before any fault, and the one in which both faults act.
const ALL_WELL: usize = 0;
const BOTH_FAULTS: usize = 2;

fn demo(arguments: &[&str]) -> Output {
    let mock = Path::new(PROGRAM).with_file_name("services-mock");
    assert!(
        mock.is_file(),
        "{} is missing: run `cargo build --workspace --bins` first, as `make test` does",
        mock.display()
    );
    let mut command = Command::new(PROGRAM);
    let output = command.arg("demo").args(arguments).output();
    output.expect("the program under test runs")
}

fn shares(of: &Value) -> BTreeMap<String, f64> {
    serde_json::from_value(of["share_by_endpoint"].clone()).expect("shares by name")
}

fn count(summary: &Value, field: &str) -> u64 {
    let value = summary[field].as_u64();
    value.unwrap_or_else(|| panic!("{field} is no count in {summary}"))
}

/// The version that the project ships: what the demo reloads must be it.
fn newest_model() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default");
    let entries = fs::read_dir(folder).expect("the models are in the repository");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| name.parse().ok())
        .max()
        .expect("a version")
}

fn assert_sums_to_one(of: &Value) {
    let sum: f64 = shares(of).values().sum();
    assert!((sum - 1.0).abs() < 1e-6, "shares sum to {sum} in {of}");
}

/// Names of the back ends with a fault.
fn faulty(summary: &Value) -> Vec<&str> {
    let endpoints = summary["endpoints"]
        .as_array()
        .expect("a list of endpoints");
    let faulty = endpoints
        .iter()
        .filter(|endpoint| !endpoint["fault"].is_null());
    faulty
        .map(|endpoint| endpoint["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn a_run_prints_one_object_of_figures_that_fit_each_other() {
    let output = demo(&["--seconds", "6", "--json"]);
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{progress}", output.status);
    let summary: Value =
        serde_json::from_slice(&output.stdout).expect("nothing but one JSON object");

    assert_eq!(count(&summary, "dropped_by_proxy"), 0, "{summary}");
    assert_eq!(count(&summary, "reloads_ok"), 1, "{summary}");
    assert_eq!(
        count(&summary, "model_version"),
        newest_model(),
        "{summary}"
    );
    let requests = count(&summary, "requests");
    assert!(count(&summary, "failed_requests") < requests, "{summary}");
    assert!(count(&summary, "decisions") >= requests - count(&summary, "failed_requests"));
    assert!(count(&summary, "fallback_decisions") <= count(&summary, "decisions"));
    assert!(
        count(&summary, "upstream_5xx") >= 1,
        "one back end fails: {summary}"
    );
    assert!(count(&summary, "decision_p50_ns") > 0, "{summary}");
    for field in ["p50_ms", "p99_ms", "seconds", "rate"] {
        assert!(
            summary[field].as_f64().is_some_and(|value| value > 0.0),
            "{field} in {summary}"
        );
    }
    assert!(summary["p50_ms"].as_f64() <= summary["p99_ms"].as_f64());
    let serves = format!("model version {} serves", newest_model());
    assert!(progress.contains(&serves), "{progress}");
    assert_phases(&summary, requests);
}

fn assert_phases(summary: &Value, requests: u64) {
    let phases = summary["phases"].as_array().expect("a list of phases");
    let ended: u64 = phases.iter().map(|phase| count(phase, "requests")).sum();
    assert_eq!(
        ended, requests,
        "every request ends in one phase: {summary}"
    );
    let failed: u64 = phases.iter().map(|phase| count(phase, "failed")).sum();
    assert_eq!(failed, count(summary, "failed_requests"), "{summary}");
    assert_sums_to_one(summary);
    phases.iter().for_each(assert_sums_to_one);
    let (before, after) = (shares(&phases[ALL_WELL]), shares(&phases[BOTH_FAULTS]));
    let faulty = faulty(summary);
    assert_eq!(faulty.len(), 2, "{summary}");
    for name in faulty {
        assert!(
            after[name] < before[name],
            "{name} keeps its share: {summary}"
        );
    }
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    for arguments in [
        &["--seconds", "1"][..],
        &["--rate", "0"],
        &["--json", "--no-load"],
        &["--rate", "5", "--no-load"],
    ] {
        let output = demo(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn without_load_it_says_where_everything_is_and_leaves_nothing_behind() {
    let output = demo(&["--no-load", "--seconds", "5"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let folder = said
        .split_whitespace()
        .find_map(|word| word.strip_suffix("/models/"));
    let folder = folder.unwrap_or_else(|| panic!("no model folder in\n{said}"));
    assert!(!Path::new(folder).exists(), "{folder} is left");
    let (_, id) = said.split_once("pid ").expect("the proxy's process");
    let id = id.split_whitespace().next().expect("a number");
    assert!(
        !Path::new("/proc").join(id).exists(),
        "process {id} is left"
    );
    assert!(said.contains("curl"), "{said}");
}
