//! The Python example for authors of models: what it exports passes `model check` and serves, and
//! what is wrong with a version is refused by name.

#[path = "control/run_to_end.rs"]
mod run_to_end;
mod support;

use lb_policy::{
    features::{
        CANDIDATE_FEATURES, CONTEXT, CONTEXT_FEATURES, FEATURES, Feature, index_of, schema_id,
    },
    model::{LoadOptions, Model, RuntimeChoice, Scorer, Workspace, load_version},
    time::Timestamp,
};
use run_to_end::{Ended, end_of, run};
use serde_json::{Value, json};
use services_mock::{Mock, Service, Settings};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use support::edge::{Edge, in_repository};
use tempfile::TempDir;

/// Decisions of a made-up log: enough for the fit to be sure.
const LOGGED: usize = 600;

/// Runs a script of the example, which asks the proxy under test for its schema.
fn python(script: &str, arguments: &[&str]) -> Ended {
    let python = env::var_os("BYO_PYTHON").expect(
        "set BYO_PYTHON=\"$(scripts/python.sh)\", as `make test` does: a Python with NumPy and onnx",
    );
    let mut command = Command::new(python);
    command
        .arg(in_repository("examples/bring-your-own-model").join(script))
        .args(["--program", env!("CARGO_BIN_EXE_ai-loadbalancer")])
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    end_of(command)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder's name is UTF-8")
}

/// A folder with version 1 of the example's model, exported with further `arguments`.
fn exported(arguments: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    export(&model, arguments);
    (folder, model)
}

fn export(model: &Path, arguments: &[&str]) {
    let arguments = [&["--out", text(model)], arguments].concat();
    let ended = python("export.py", &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

fn check(model: &Path) -> Ended {
    run(&[
        "model",
        "check",
        "--json",
        "--runtime",
        "native",
        text(model),
    ])
}

/// Fails unless `model check` refuses the model and says all of `named`.
fn assert_refused(model: &Path, named: &[&str]) {
    let ended = check(model);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    for part in named {
        assert!(ended.err.contains(part), "no {part:?} in {}", ended.err);
    }
}

fn json_file(path: &Path) -> Value {
    let bytes = fs::read(path).expect("the file is there");
    serde_json::from_slice(&bytes).expect("the example writes its YAML as JSON")
}

#[test]
fn the_exported_model_is_compiled_by_the_native_runtime() {
    let (_folder, model) = exported(&["--name", "mine"]);
    let ended = check(&model);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let found: Value = serde_json::from_str(&ended.out).expect("one JSON object");
    assert_eq!(found["name"], "mine");
    assert_eq!(found["version"], 1);
    assert_eq!(found["runtime"], "native");
    assert_eq!(found["schema"], schema_id());
}

#[test]
fn the_exported_model_serves_a_request() {
    let (_folder, model) = exported(&[]);
    let runtime = tokio::runtime::Runtime::new().expect("a run time");
    let backend = runtime
        .block_on(Mock::start(Settings::new(Service::User)))
        .expect("starts on a free port");
    let edge = Edge::start(&format!(
        "access_log: off\nclusters: [{{ name: web, discovery: {{ static: {{ endpoints: [{{ address: {} }}] }} }}, policy: {{ type: onnx, model: {}, runtime: native, exploration_percent: 0, score_budget: 1s }} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}]",
        backend.addr(),
        model.display(),
    ));
    assert_eq!(edge.get("/").status, 200);
    let by_model = edge.metric("lb_policy_picks_total", &[r#"kind="policy""#]);
    assert_eq!(by_model, Some(1.0), "the model chose, not the fallback");
    let served = edge.admin_get("/policy").json()["clusters"][0]["model"].clone();
    assert_eq!(served["name"], "example-mlp");
}

#[test]
fn weights_from_a_file_make_the_same_model_as_the_seed_they_came_from() {
    let (folder, seeded) = exported(&["--seed", "7"]);
    let weights = folder.path().join("weights.npz");
    write_weights(&weights, 7);
    let model = folder.path().join("from-file");
    export(&model, &["--weights", text(&weights)]);
    assert_eq!(check(&model).code, Some(0));
    let vectors = |model: &Path| fs::read(model.join("1/parity.json")).expect("written");
    assert_eq!(vectors(&model), vectors(&seeded));
}

/// Writes the example's weights of `seed` as a user's own training would write its own.
fn write_weights(path: &Path, seed: u64) {
    let program = "import sys, numpy, mlp; numpy.savez(sys.argv[1], **vars(mlp.from_seed(int(sys.argv[2]), 16)))";
    let python = env::var_os("BYO_PYTHON").expect("checked by the export before");
    let status = Command::new(python)
        .args(["-B", "-c", program, text(path), &seed.to_string()])
        .current_dir(in_repository("examples/bring-your-own-model"))
        .status();
    assert!(status.expect("Python runs").success());
}

#[test]
fn a_model_for_another_schema_is_refused_by_name() {
    let (_folder, model) = exported(&["--schema", "1:of-another-build"]);
    let manifest = model.join("1/manifest.yaml");
    assert_refused(
        &model,
        &[text(&manifest), "1:of-another-build", schema_id()],
    );
}

#[test]
fn parity_vectors_that_were_changed_are_refused_by_name() {
    let (_folder, model) = exported(&[]);
    let parity = model.join("1/parity.json");
    let mut vectors = fs::read(&parity).expect("written");
    vectors.push(b'\n');
    fs::write(&parity, vectors).expect("changed");
    assert_refused(&model, &[text(&parity), "sha256"]);
}

#[test]
fn parity_vectors_that_the_graph_does_not_reproduce_are_refused_by_number() {
    let (_folder, model) = exported(&["--seed", "1"]);
    let (_other_folder, other) = exported(&["--seed", "2"]);
    fs::copy(other.join("1/parity.json"), model.join("1/parity.json")).expect("copied");
    let path = model.join("1/manifest.yaml");
    let mut manifest = json_file(&path);
    manifest["files"]["parity.json"] =
        json_file(&other.join("1/manifest.yaml"))["files"]["parity.json"].clone();
    fs::write(&path, manifest.to_string()).expect("changed");
    let graph = model.join("1/model.onnx");
    assert_refused(
        &model,
        &[text(&graph), "parity vector 0: cost of candidate 0"],
    );
}

#[test]
fn a_version_that_exists_is_not_written_over() {
    let (_folder, model) = exported(&["--seed", "1"]);
    let before = fs::read(model.join("1/model.onnx")).expect("written");
    let ended = python("export.py", &["--out", text(&model), "--seed", "2"]);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    assert!(ended.err.contains(text(&model.join("1"))), "{}", ended.err);
    assert_eq!(fs::read(model.join("1/model.onnx")).ok(), Some(before));
}

#[test]
fn a_model_fitted_to_a_log_prefers_what_was_quick_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, model) = (folder.path().join("d.jsonl"), folder.path().join("model"));
    let lines: Vec<_> = (0..LOGGED)
        .map(|index| decision(index).to_string())
        .collect();
    fs::write(&log, lines.join("\n") + "\n").expect("written");
    let ended = python("train_from_log.py", &["--out", text(&model), text(&log)]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);

    let model = load(&model.join("1"));
    let mut rows = [0.0; 2 * FEATURES];
    rows[FEATURES + column("registry_utilization")] = 1.0;
    let mut costs = [0.0; 2];
    let scored = model.score(
        &rows,
        &[0.0; CONTEXT],
        &mut costs,
        &mut Workspace::default(),
    );
    scored.expect("the native runtime scores");
    assert!(
        costs[0] < costs[1],
        "a busy endpoint was e² times as slow in the log: {costs:?}"
    );
    assert_names_and_ranges(&model);
}

/// A decision between two endpoints. The latency grows with `registry_utilization`, which varies;
/// every other feature of the chosen one is its column's number.
fn decision(index: usize) -> Value {
    let utilization = (index % 11) as f64 / 10.0;
    let mut chosen: Vec<f64> = (0..FEATURES).map(|column| column as f64).collect();
    chosen[column("registry_utilization")] = utilization;
    let features = [vec![0.0; FEATURES], chosen].concat();
    let context: Vec<f64> = (0..CONTEXT).map(|column| column as f64).collect();
    json!({
        "time_us": index, "request": index.to_string(), "attempt": 1, "cluster": "web", "class": 0,
        "policy": "onnx", "model": "default", "model_version": 1, "schema": schema_id(),
        "kind": "policy", "candidates": ["a:1", "b:1"], "features": features, "context": context,
        "costs": [], "true_costs": [], "chosen": 1, "propensity": 0.5, "class_mean_seconds": 0.1,
        "outcome": "success", "status": 200, "latency_seconds": 0.1 * (2.0 * utilization).exp(),
    })
}

fn column(name: &str) -> usize {
    index_of(name).expect("a feature of this build")
}

fn load(version: &Path) -> Model {
    let options = LoadOptions {
        runtime: RuntimeChoice::Native,
        ..LoadOptions::new(|| Timestamp::ZERO)
    };
    load_version(version, &options).expect("the fitted model is sound")
}

/// Holds the example's list of features against the table: names, and their order.
fn assert_names_and_ranges(model: &Model) {
    let expected = |(column, feature): (usize, &Feature)| {
        let range = match feature.name {
            "registry_utilization" => [0.0, 1.0],
            _ => [column as f32; 2],
        };
        (feature.name.to_owned(), range)
    };
    let candidate = CANDIDATE_FEATURES.iter().enumerate().map(expected);
    let context = CONTEXT_FEATURES.iter().enumerate().map(expected);
    assert_eq!(*model.ranges(), candidate.chain(context).collect());
}

#[test]
fn a_log_that_does_not_fit_is_refused_with_file_line_and_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, model) = (folder.path().join("d.jsonl"), folder.path().join("model"));
    let changed = |field: &str, value: Value| {
        let mut record = decision(1);
        record[field] = value;
        let lines = format!("{}\n{record}\n", decision(0));
        fs::write(&log, lines).expect("written");
        let ended = python("train_from_log.py", &["--out", text(&model), text(&log)]);
        assert_eq!(ended.code, Some(1), "{field}: {}", ended.out);
        ended.err
    };
    for (field, value) in [
        ("schema", json!("1:of-another-build")),
        ("features", json!([1.0, 2.0])),
        ("chosen", json!(2)),
        ("propensity", json!(0)),
        ("outcome", json!("fine")),
    ] {
        let told = changed(field, value);
        let expected = format!("{}:2: {field}:", log.display());
        assert!(told.contains(&expected), "no {expected:?} in {told}");
    }
    assert!(changed("status", json!(200)).contains("2 usable attempts"));
    assert!(!model.exists(), "nothing is written");
}
