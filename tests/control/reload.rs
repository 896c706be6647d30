//! Taking over a changed configuration while everything runs, by signal and by order.

use crate::{
    backends::Backends,
    support::{edge::Edge, redis_server::RedisServer},
};
use services_mock::Fault;
use std::{
    fs,
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

const ROUTE: &str = "routes: [{ name: all, match: { path_prefix: / }, cluster: web }]\n";
pub(crate) const ADMIN: &str = "admin: { address: 127.0.0.1:0 }\n";
pub(crate) const LISTENERS: &str = "listeners: [{ address: 127.0.0.1:0 }]\n";

/// One cluster `web` of the services of those indices.
pub(crate) fn web(backends: &Backends, indices: &[usize], more: &str) -> String {
    let discovery = backends.discovery(indices.iter().copied());
    format!("access_log: off\nclusters: [{{ name: web, {discovery}{more} }}]\n{ROUTE}")
}

fn label(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name}=\"{value}\"")
}

#[test]
fn routes_and_clusters_come_and_go_with_their_series() {
    let backends = Backends::start(2);
    let (one, two) = (backends.discovery([0]), backends.discovery([1]));
    let both = format!(
        "access_log: off\nclusters: [{{ name: web, {one} }}, {{ name: shop, {two}, retry: {{ statuses: [503] }} }}]\nroutes: [{{ name: all, match: {{ path_prefix: / }}, cluster: web }}, {{ name: buy, match: {{ path_prefix: /buy }}, strip_prefix: /buy, cluster: shop }}]"
    );
    let mut edge = Edge::start(&web(&backends, &[0], ""));
    assert_eq!(edge.get("/buy").status, 200);
    assert_eq!(backends.mock(1).counts().answered(), 0);

    edge.write_rest(&both);
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/buy").status, 200);
    assert_eq!(backends.mock(1).counts().answered(), 1);
    assert_eq!(edge.get("/status/503").status, 503);
    assert_eq!(edge.get("/buy/status/404").status, 404);
    let shop = label("cluster", "shop");
    for family in [
        "lb_requests_total",
        "lb_upstream_requests_total",
        "lb_cluster_ready_endpoints",
        "lb_dropped_requests_total",
    ] {
        assert!(edge.metric(family, &[&shop]).is_some(), "{family}");
    }

    edge.write_rest(&web(&backends, &[0], ""));
    assert_eq!(edge.reload(), Ok(3));
    let metrics = edge.admin_get("/metrics").text();
    let left: Vec<_> = metrics
        .lines()
        .filter(|l| l.contains("\"shop\"") || l.contains("\"buy\""))
        .collect();
    assert!(left.is_empty(), "series of the departed: {left:#?}");
    assert_eq!(edge.get("/buy").status, 200);
    assert_eq!(
        backends.mock(1).counts().answered(),
        2,
        "only what came before"
    );
}

#[test]
fn endpoints_come_and_go_and_those_that_stay_keep_their_telemetry() {
    let backends = Backends::start(3);
    let mut edge = Edge::start(&web(&backends, &[0, 1], ", policy: round_robin"));
    for _ in 0..20 {
        assert_eq!(edge.get("/").status, 200);
    }
    let endpoint = |index| label("endpoint", backends.address(index));
    let requests =
        |edge: &Edge, index| edge.metric("lb_upstream_requests_total", &[&endpoint(index)]);
    assert_eq!(requests(&edge, 0), Some(10.0));
    let latency = |edge: &Edge| {
        let clusters = edge.admin_get("/clusters").json();
        let endpoints = clusters[0]["endpoints"].as_array().cloned();
        let own = backends.address(0).to_string();
        let found = endpoints.into_iter().flatten().find(|e| e["id"] == *own);
        found.expect("the first endpoint")["peak_ewma_ms"]
            .as_f64()
            .expect("a number")
    };
    assert!(latency(&edge) > 0.0, "something was learned");

    edge.write_rest(&web(&backends, &[0, 2], ", policy: round_robin"));
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(requests(&edge, 0), Some(10.0));
    assert!(latency(&edge) > 0.0, "and is still known");
    let departed = endpoint(1);
    let metrics = edge.admin_get("/metrics").text();
    assert!(!metrics.contains(&departed), "series of {departed}");
    for _ in 0..20 {
        assert_eq!(edge.get("/").status, 200);
    }
    assert_eq!(requests(&edge, 0), Some(20.0));
    assert_eq!(requests(&edge, 2), Some(10.0));
    assert_eq!(backends.mock(1).counts().answered(), 10);
}

#[test]
fn a_changed_policy_decides_from_then_on_and_is_the_only_one_shown() {
    let backends = Backends::start(2);
    let mut edge = Edge::start(&web(&backends, &[0, 1], ", policy: round_robin"));
    assert_eq!(edge.get("/").status, 200);
    let policies = ["random", "least_request", "c3", "prequal", "ring_hash"];
    for (generation, policy) in (2..).zip(policies) {
        edge.write_rest(&web(&backends, &[0, 1], &format!(", policy: {policy}")));
        assert_eq!(edge.reload(), Ok(generation));
        assert_eq!(edge.get("/").status, 200);
        let shown = edge.admin_get("/policy").json();
        assert_eq!(shown["clusters"][0]["policy"], policy);
        let only = [label("cluster", "web"), label("policy", policy)];
        let only: Vec<_> = only.iter().map(String::as_str).collect();
        for (family, value) in [
            ("lb_policy_info", 1.0),
            ("lb_decision_duration_seconds_count", 1.0),
        ] {
            assert_eq!(edge.metric(family, &only), Some(value), "{family}");
            assert_eq!(edge.metric(family, &[]), Some(value), "{family}: others");
        }
    }
}

#[test]
fn what_is_read_once_at_start_cannot_change_and_the_refusal_names_the_key() {
    let backends = Backends::start(1);
    let rest = web(&backends, &[0], "");
    let mut edge = Edge::start(&rest);
    let other = [
        (
            "admin.address",
            format!("admin: {{ address: 127.0.0.1:1 }}\n{LISTENERS}{rest}"),
        ),
        (
            "listeners",
            format!("{ADMIN}listeners: [{{ address: 127.0.0.1:0, max_connections: 7 }}]\n{rest}"),
        ),
        ("threads", format!("{ADMIN}{LISTENERS}threads: 7\n{rest}")),
        (
            "shutdown",
            format!("{ADMIN}{LISTENERS}shutdown: {{ grace: 7s }}\n{rest}"),
        ),
        (
            "upgrade",
            format!("{ADMIN}{LISTENERS}{rest}\nupgrade: {{ socket: /tmp/other.sock }}\n"),
        ),
        (
            "upstream_keepalive_connections",
            format!("{ADMIN}{LISTENERS}upstream_keepalive_connections: 7\n{rest}"),
        ),
    ];
    for (key, config) in other {
        edge.write_config(&config);
        let refused = edge.reload().expect_err(key);
        let path = edge.config_path().display().to_string();
        assert!(
            refused.contains(key) && refused.contains(&path),
            "{key}: {refused}"
        );
        assert_eq!(edge.metric("lb_config_generation", &[]), Some(1.0));
        assert_eq!(edge.metric("lb_config_last_reload_success", &[]), Some(0.0));
    }
    edge.write_rest(&rest);
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.metric("lb_config_last_reload_success", &[]), Some(1.0));
}

#[test]
fn other_processors_at_hand_are_no_change_of_the_setting() {
    let backends = Backends::start(1);
    let mut edge = Edge::start(&web(&backends, &[0], ""));
    let threads = |edge: &Edge| edge.admin_get("/config_dump").json()["boot"]["threads"].clone();
    let before = threads(&edge);
    // On a machine with one processor this changes nothing, and the test proves little.
    let taskset = ["-a", "-p", "-c", "0", &edge.pid().to_string()].map(str::to_owned);
    let done = Command::new("taskset").args(&taskset).output();
    assert!(done.expect("taskset runs (util-linux)").status.success());
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(threads(&edge), before);
}

#[test]
fn a_broken_configuration_is_refused_and_everything_keeps_running() {
    let backends = Backends::start(1);
    let mut edge = Edge::start(&web(&backends, &[0], ""));
    let before = edge.admin_get("/config_dump").text();
    for (broken, named) in [
        ("clusters: [{ name", "line"),
        ("colour: red", "colour"),
        (
            &web(&backends, &[0], ", timeouts: { read: soon }"),
            "timeouts.read",
        ),
        (
            &web(&backends, &[0], ", policy: { type: onnx, model: /nowhere }"),
            "/nowhere",
        ),
    ] {
        edge.write_rest(broken);
        let refused = edge.reload().expect_err(broken);
        assert!(refused.contains(named), "no {named} in {refused}");
        assert_eq!(edge.get("/").status, 200);
        assert_eq!(edge.admin_get("/ready").status, 200);
        assert_eq!(edge.admin_get("/config_dump").text(), before);
    }
    fs::remove_file(edge.config_path()).expect("the file was there");
    let refused = edge.reload().expect_err("no file");
    assert!(refused.contains("edge.yaml"), "{refused}");
    assert_eq!(edge.get("/").status, 200);
    let error = label("result", "error");
    assert_eq!(edge.metric("lb_config_reloads_total", &[&error]), Some(5.0));
    assert!(edge.log_so_far().contains("reload refused"));
}

#[test]
fn checks_of_an_endpoint_end_with_the_topology_that_had_it() {
    let backends = Backends::start(1);
    let checked = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = checked.local_addr().expect("an address");
    let checks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&checks);
    thread::spawn(move || {
        while checked.accept().is_ok() {
            seen.fetch_add(1, Relaxed);
        }
    });
    let check = "health_check: { tcp: true, interval: 20ms, timeout: 20ms }";
    let with = web(&backends, &[0], &format!(", {check}")).replace(
        "endpoints: [",
        &format!("endpoints: [{{ address: {address} }}, "),
    );
    let mut edge = Edge::start(&with);
    edge.await_true("checks go on", |_| checks.load(Relaxed) > 3);
    edge.write_rest(&web(&backends, &[0], &format!(", {check}")));
    assert_eq!(edge.reload(), Ok(2));
    // What is under way may still arrive; ten more intervals would show a task that goes on.
    thread::park_timeout(Duration::from_millis(100));
    let after = checks.load(Relaxed);
    thread::park_timeout(Duration::from_millis(200));
    assert_eq!(checks.load(Relaxed), after);
}

#[test]
fn endpoints_of_a_topology_that_is_being_prepared_keep_their_series() {
    let redis = RedisServer::start();
    let backends = Backends::start(2);
    let record = format!(r#"{{"url": "http://{}"}}"#, backends.address(0));
    redis.register("user-service", "one", &record);
    let mut edge = Edge::start(&format!(
        "access_log: off\nclusters: [{{ name: web, discovery: {{ redis: {{ url: \"{}\", service: user-service, interval: 50ms }} }} }}]\n{ROUTE}",
        redis.url()
    ));
    // Its first check takes 500 ms, in which the old topology makes ten passes.
    backends.mock(1).inject(Fault::Hang);
    let check = ", health_check: { path: /health, timeout: 500ms }";
    edge.write_rest(&web(&backends, &[1], check));
    assert_eq!(edge.reload(), Ok(2));
    let endpoint = label("endpoint", backends.address(1));
    assert_eq!(edge.metric("lb_endpoint_healthy", &[&endpoint]), Some(0.0));
    assert_eq!(edge.metric("lb_endpoint_healthy", &[]), Some(0.0));
}
