//! The decision log of the real binary: what is in it, its files, and that it never stands in
//! the way of requests.

use crate::{
    backends::Backends,
    support::edge::{Edge, http},
};
use lb_decisions::DecisionRecord;
use lb_policy::features::{CONTEXT, FEATURES, schema_id};
use services_mock::ServiceTime;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const SLOW: Duration = Duration::from_millis(20);

/// One cluster `web` with every decision recorded in `{folder}/log`; `settings` are further ones
/// of the log, `cluster` of the cluster, each with a comma in front.
fn config(discovery: &str, settings: &str, cluster: &str) -> String {
    let log =
        format!("decision_log: {{ folder: \"{{folder}}/log\", sample_percent: 100{settings} }}\n");
    log + &without_log(discovery, cluster)
}

fn without_log(discovery: &str, cluster: &str) -> String {
    format!(
        "access_log: off\nclusters: [{{ name: web, {discovery}{cluster} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}]\n"
    )
}

const LEARNED: &str =
    ", policy: { type: onnx, model: models/default, score_budget: 1s, exploration_percent: 0 }";

fn files(edge: &Edge) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(edge.folder().join("log")) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

fn records(file: &Path) -> Vec<DecisionRecord> {
    let records = match lb_decisions::read(file) {
        // The proxy removes the oldest file whenever it likes, also after it was listed here.
        Err(_) if !file.exists() => return Vec::new(),
        read => read.expect("a log"),
    };
    records.collect::<Result<_, _>>().expect("sound records")
}

fn written(edge: &Edge) -> u32 {
    let metric = edge.metric("lb_decision_log_records_total", &[]);
    metric.expect("always there") as u32
}

fn dropped(edge: &Edge, reason: &str) -> u32 {
    let label = format!("reason=\"{reason}\"");
    let metric = edge.metric("lb_decision_log_dropped_total", &[&label]);
    metric.expect("always there") as u32
}

fn slow_first(index: usize, settings: &mut services_mock::Settings) {
    if index == 0 {
        settings.service_time = ServiceTime::Fixed(SLOW);
    }
}

/// Ends the proxy and gives the records of all its files, in the order of the decisions: a
/// client may have its answer, and send the next request, before the proxy has ended the first.
fn records_after_end(mut edge: Edge) -> Vec<DecisionRecord> {
    edge.signal("TERM");
    assert!(edge.await_exit().success());
    let files = files(&edge);
    assert!(!files.is_empty(), "a file is finished at the end");
    let mut log: Vec<_> = files.iter().flat_map(|file| records(file)).collect();
    log.sort_by_key(|record| record.time_us);
    log
}

#[test]
fn every_decision_of_the_model_is_found_in_either_encoding_with_what_came_of_it() {
    let backends = Backends::start_with(2, slow_first);
    let discovery = backends.discovery([0, 1]);
    let ids = [0, 1].map(|index| backends.address(index).to_string());
    for format in ["parquet", "jsonl"] {
        let edge = Edge::start(&config(&discovery, &format!(", format: {format}"), LEARNED));
        let begun = Instant::now();
        let answers: Vec<_> = (0..30).map(|_| edge.get("/")).collect();
        let elapsed = begun.elapsed();
        let log = records_after_end(edge);
        let requests: Vec<_> = answers.iter().map(|a| a.header("x-request-id")).collect();
        let logged: Vec<_> = log.iter().map(|record| Some(&*record.request)).collect();
        assert_eq!(logged, requests, "{format}");
        let sum: f32 = log.iter().map(|record| record.latency_seconds).sum();
        assert!(sum <= elapsed.as_secs_f32(), "one request after another");
        for record in &log {
            assert_sound(record, &ids);
        }
    }
}

fn assert_sound(record: &DecisionRecord, ids: &[String]) {
    let mut candidates = record.candidates.clone();
    candidates.sort();
    let mut ids = ids.to_vec();
    ids.sort();
    assert_eq!(candidates, ids);
    assert_eq!(record.features.len(), 2 * FEATURES);
    assert_eq!(record.context.len(), CONTEXT);
    assert_eq!(record.costs.len(), 2);
    assert_eq!(record.schema, schema_id());
    assert_eq!(
        (record.policy.as_str(), record.cluster.as_str()),
        ("onnx", "web")
    );
    assert_eq!(
        (record.model.as_str(), record.model_version > 0),
        ("default", true)
    );
    assert_eq!((record.attempt, record.class), (1, 0));
    assert!(
        ["policy", "capped"].contains(&&*record.kind),
        "{}",
        record.kind
    );
    assert_eq!((record.outcome.as_str(), record.status), ("success", 200));
    assert!(record.class_mean_seconds > 0.0 && record.time_us > 0);
    let best = record.costs.iter().copied().fold(f32::INFINITY, f32::min);
    let chosen = record.chosen as usize;
    assert!(record.costs[chosen] <= best, "the lowest cost was chosen");
    let ties = record.costs.iter().filter(|cost| **cost <= best).count();
    let expected = 1.0 / ties as f32;
    assert!(
        (record.propensity - expected).abs() < 1e-6,
        "nothing is explored"
    );
}

#[test]
fn latency_and_propensity_are_those_of_the_endpoint_and_the_policy() {
    let backends = Backends::start_with(2, slow_first);
    let (discovery, slow) = (backends.discovery([0, 1]), backends.address(0).to_string());
    let edge = Edge::start(&config(&discovery, "", ", policy: random"));
    for _ in 0..40 {
        edge.get("/");
    }
    let log = records_after_end(edge);
    let of_slow = |record: &&DecisionRecord| record.candidates[record.chosen as usize] == slow;
    assert!(log.iter().filter(of_slow).count() > 0);
    for record in &log {
        assert!((record.propensity - 0.5).abs() < 1e-6);
        assert!(record.costs.is_empty() && record.model.is_empty());
        assert!(!of_slow(&record) || record.latency_seconds >= SLOW.as_secs_f32());
    }
}

#[test]
fn each_attempt_of_a_request_is_an_entry_of_its_own() {
    let backends = Backends::start(1);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let discovery = format!(
        "discovery: {{ static: {{ endpoints: [{{ address: {address} }}, {{ address: {} }}] }} }}, outlier_detection: off",
        backends.address(0)
    );
    let edge = Edge::start(&config(
        &discovery,
        ", format: jsonl",
        ", policy: round_robin",
    ));
    for _ in 0..4 {
        assert_eq!(edge.get("/").status, 200);
    }
    let failing = edge.get("/status/500");
    assert_eq!(failing.status, 500);
    let log = records_after_end(edge);
    let failed = log
        .iter()
        .position(|record| record.outcome == "connection_error");
    let failed = failed.expect("round robin comes to the closed port");
    let (first, second) = (&log[failed], &log[failed + 1]);
    assert_eq!((first.attempt, first.status), (1, 0));
    assert_eq!(first.candidates.len(), 2);
    assert_eq!((second.attempt, second.outcome.as_str()), (2, "success"));
    assert_eq!(second.candidates, [backends.address(0).to_string()]);
    assert_eq!(first.request, second.request);
    assert!(
        log.iter()
            .any(|r| (r.outcome.as_str(), r.status) == ("server_error", 500))
    );
}

#[test]
fn files_follow_each_other_and_the_oldest_are_removed() {
    let backends = Backends::start(2);
    let settings = ", format: jsonl, max_file_size: 4KiB, max_files: 3";
    let mut edge = Edge::start(&config(&backends.discovery([0, 1]), settings, ""));
    for _ in 0..40 {
        edge.get("/");
    }
    edge.await_true("all are written", |edge| written(edge) >= 40);
    let finished = edge.metric("lb_decision_log_files_total", &[]);
    assert!(finished > Some(3.0), "{finished:?}");
    assert!(edge.metric("lb_decision_log_bytes_total", &[]) > Some(3.0 * 4096.0));
    let kept = files(&edge);
    assert!(kept.len() <= 3, "{kept:?}");
    let last = edge.get("/");
    edge.await_true("the latest is in a file", |edge| {
        let log = files(edge).into_iter().flat_map(|file| records(&file));
        let mut requests = log.map(|record| record.request);
        requests.any(|request| Some(&*request) == last.header("x-request-id"))
    });
}

#[test]
fn a_folder_that_cannot_be_written_does_not_hurt_requests() {
    let backends = Backends::start(2);
    let rest = config(&backends.discovery([0, 1]), "", "");
    let mut edge = Edge::start(&rest.replace("{folder}/log", "{folder}/edge.yaml/log"));
    for _ in 0..20 {
        assert_eq!(edge.get("/").status, 200);
    }
    edge.await_true("the loss is counted", |edge| {
        dropped(edge, "unwritable") >= 20
    });
    assert_eq!(written(&edge), 0);
    let shown = edge.admin_get("/policy/decisions").json();
    assert_eq!(shown.as_array().map(Vec::len), Some(20), "still shown");
    edge.await_true("it is told", |edge| {
        edge.log_so_far().contains("decision log cannot be written")
    });
    let told = edge
        .log_so_far()
        .matches("decision log cannot be written")
        .count();
    assert_eq!(told, 1);
}

#[test]
fn a_reload_switches_the_log_off_and_on() {
    let backends = Backends::start(2);
    let discovery = backends.discovery([0, 1]);
    let on = config(&discovery, "", "");
    let mut edge = Edge::start(&on);
    edge.get("/");
    edge.await_true("it is written", |edge| written(edge) >= 1);
    edge.write_rest(&without_log(&discovery, ""));
    edge.reload().expect("off");
    edge.await_true("the file is finished", |edge| {
        edge.metric("lb_decision_log_files_total", &[]) == Some(1.0)
    });
    assert_eq!(records(&files(&edge)[0]).len(), 1);
    edge.get("/");
    assert_eq!(edge.admin_get("/policy/decisions").text(), "[]\n");
    edge.write_rest(&on.replace("sample_percent: 100", "sample_percent: 100, format: jsonl"));
    edge.reload().expect("on");
    edge.get("/");
    edge.await_true("it is written again", |edge| written(edge) >= 2);
    assert_eq!(written(&edge), 2, "nothing was recorded while it was off");
    assert_eq!(dropped(&edge, "queue_full"), 0);
}

#[test]
fn the_latest_decisions_are_shown_as_json_and_as_text() {
    let backends = Backends::start(2);
    let mut edge = Edge::start(&config(&backends.discovery([0, 1]), ", keep: 5", LEARNED));
    for _ in 0..9 {
        edge.get("/");
    }
    let last = edge.get("/");
    let last = last.header("x-request-id").expect("an id").to_owned();
    edge.await_true("all are written", |edge| written(edge) >= 10);
    let shown = edge.admin_get("/policy/decisions").json();
    assert_eq!(
        shown.as_array().map(Vec::len),
        Some(5),
        "as many as are kept"
    );
    let shown_too = shown
        .as_array()
        .is_some_and(|all| all.iter().any(|d| d["request"] == *last));
    assert!(shown_too, "the latest is among them");
    let candidates = shown[0]["candidates"].as_array().expect("a list");
    assert_eq!(candidates.iter().filter(|c| c["chosen"] == true).count(), 1);
    assert!(
        candidates
            .iter()
            .all(|c| c["features"]["in_flight"].is_number())
    );
    let count = |query: &str| {
        let shown = edge.admin_get(&format!("/policy/decisions?{query}")).json();
        shown.as_array().map(Vec::len)
    };
    assert_eq!((count("n=2"), count("cluster=web&n=1")), (Some(2), Some(1)));
    assert_eq!(count("cluster=other"), Some(0));

    let text = edge.admin_get("/policy/decisions?n=1&format=text");
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let text = text.text();
    let chosen = format!("*{}", backends.address(0));
    let other = format!("*{}", backends.address(1));
    assert!(
        text.contains(&chosen) != text.contains(&other),
        "one is marked:\n{text}"
    );
    assert!(
        text.contains("\n  in_flight ") && text.contains("model default/"),
        "{text}"
    );
    assert_eq!(edge.admin_get("/policy/decisions?n=many").status, 400);
    assert_eq!(
        http(edge.admin(), "POST", "/policy/decisions", &[], b"").status,
        405
    );
}

#[test]
fn a_client_that_leaves_is_recorded_as_cancelled() {
    let backends = Backends::start_with(1, |_, settings| {
        settings.service_time = ServiceTime::Fixed(Duration::from_secs(600));
    });
    let mut edge = Edge::start(&config(&backends.discovery([0]), "", ""));
    let client = std::net::TcpStream::connect(edge.address()).expect("connects");
    std::io::Write::write_all(&mut &client, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("sent");
    edge.await_true("the request is under way", |_| {
        backends.mock(0).in_flight() == 1
    });
    drop(client);
    edge.await_true("its end is recorded", |edge| written(edge) >= 1);
    let shown = edge.admin_get("/policy/decisions").json();
    assert_eq!(shown[0]["outcome"], "cancelled");
    assert_eq!(shown[0]["status"], 0);
}
