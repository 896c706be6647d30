//! The admin interface: what it shows, hides and refuses.

use crate::{
    backends::Backends,
    support::edge::{Edge, http},
};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

fn edge(backends: &Backends) -> Edge {
    Edge::start(&format!(
        "access_log: off\nclusters:\n  - {{ name: web, {}, policy: {{ type: onnx, model: models/default, score_budget: 1s }} }}\n  - {{ name: users, discovery: {{ redis: {{ url: \"redis://u:hunter2@127.0.0.1:1/0\", service: user-service }} }} }}\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}, {{ match: {{ path_prefix: /users }}, cluster: users }}]\n",
        backends.discovery([0, 1])
    ))
}

#[test]
fn every_path_answers_with_its_kind_and_secrets_are_left_out() {
    let backends = Backends::start(2);
    let mut edge = edge(&backends);
    assert_eq!(edge.get("/").status, 200);
    for (path, kind) in [
        ("/", "text/html"),
        ("/live", "text/plain"),
        ("/ready", "text/plain"),
        ("/metrics", "text/plain; version=0.0.4"),
        ("/config_dump", "application/json"),
        ("/clusters", "application/json"),
        ("/policy", "application/json"),
        ("/policy/decisions", "application/json"),
    ] {
        let answer = edge.admin_get(path);
        assert_eq!(answer.status, 200, "{path}");
        let found = answer.header("content-type").unwrap_or_default();
        assert!(found.starts_with(kind), "{path}: {found}");
        assert!(!answer.text().contains("hunter2"), "{path}");
        let head = http(edge.admin(), "HEAD", path, &[], b"");
        assert_eq!(head.status, 200, "HEAD {path}");
    }
    assert!(!edge.log_so_far().contains("hunter2"));
}

#[test]
fn state_is_shown_as_it_is() {
    let backends = Backends::start(2);
    let mut edge = edge(&backends);
    for _ in 0..10 {
        assert_eq!(edge.get("/").status, 200);
    }
    // A client has its answer a little before the proxy is done with the request.
    edge.await_true("nothing is in flight", |edge| {
        edge.metric("lb_endpoint_inflight", &[]) == Some(0.0)
    });
    let clusters = edge.admin_get("/clusters").json();
    assert_eq!(clusters[0]["name"], "web");
    assert_eq!(clusters[0]["policy"], "onnx");
    assert_eq!(clusters[0]["ready"], 2);
    let endpoints = clusters[0]["endpoints"].as_array().expect("an array");
    let mut shown: Vec<_> = endpoints
        .iter()
        .map(|endpoint| endpoint["id"].as_str().expect("an id").to_owned())
        .collect();
    let mut expected = [0, 1].map(|index| backends.address(index).to_string());
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
    assert!(endpoints.iter().all(|endpoint| endpoint["in_flight"] == 0));

    let policy = edge.admin_get("/policy").json();
    assert_eq!(policy["generation"], 1);
    assert_eq!(policy["clusters"][0]["model"]["name"], "default");
    assert_eq!(policy["clusters"][0]["model"]["runtime"], "native");
    assert!(policy["clusters"][1]["model"].is_null());

    let dump = edge.admin_get("/config_dump").json();
    let text = dump.to_string();
    assert!(
        text.contains("user-service") && text.contains("127.0.0.1:1"),
        "{text}"
    );
    let decisions = edge.metric("lb_decision_duration_seconds_count", &["cluster=\"web\""]);
    assert_eq!(decisions, Some(10.0));
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    let backends = Backends::start(2);
    let edge = edge(&backends);
    let status = |method: &str, path: &str| http(edge.admin(), method, path, &[], b"").status;
    assert_eq!(status("GET", "/nothing"), 404);
    assert_eq!(status("GET", "/metrics/"), 404);
    assert_eq!(status("GET", "/reload"), 405);
    assert_eq!(status("DELETE", "/reload"), 405);
    assert_eq!(status("POST", "/metrics"), 405);
    assert_eq!(status("PUT", "/nothing"), 405);
    assert_eq!(status("GET", "/ready"), 200);
}

#[test]
fn promtool_accepts_the_metrics() {
    let backends = Backends::start(2);
    let edge = edge(&backends);
    for path in ["/", "/status/404", "/status/500", "/users"] {
        edge.get(path);
    }
    let metrics = edge.admin_get("/metrics").body;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed for this test: apt-get install prometheus");
    let mut input = promtool.stdin.take().expect("piped");
    input.write_all(&metrics).expect("promtool reads");
    drop(input);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn nonsense_on_the_admin_port_does_not_stop_it() {
    let backends = Backends::start(2);
    let edge = edge(&backends);
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"",
    ] {
        let mut stream = std::net::TcpStream::connect(edge.admin()).expect("connects");
        stream.write_all(nonsense).ok();
    }
    assert_eq!(edge.admin_get("/live").status, 200);
}
