//! Taking over a changed configuration while everything runs, by signal and by order.

use crate::{
    backends::Backends,
    run_to_end::binary,
    support::edge::{Edge, SOON, http},
};
use std::{
    fs,
    io::Read as _,
    net::TcpListener,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

const ROUTE: &str = "routes: [{ name: all, match: { path_prefix: / }, cluster: web }]\n";
const ADMIN: &str = "admin: { address: 127.0.0.1:0 }\n";
const LISTENERS: &str = "listeners: [{ address: 127.0.0.1:0 }]\n";

/// One cluster `web` of the services of those indices.
fn web(backends: &Backends, indices: &[usize], more: &str) -> String {
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
fn orders_need_a_configured_token_and_the_right_one() {
    let backends = Backends::start(1);
    let rest = web(&backends, &[0], "");
    let with_token = format!(
        "admin: {{ address: 127.0.0.1:0, token_file: \"{{folder}}/token\" }}\n{LISTENERS}{rest}"
    );
    let mut edge = Edge::start(&rest);
    let order = |edge: &Edge, path: &str, token: Option<&str>| {
        let value = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = value
            .iter()
            .map(|v| ("Authorization", v.as_str()))
            .collect();
        http(edge.admin(), "POST", path, &headers, b"")
    };
    assert_eq!(order(&edge, "/reload", None).status, 403);
    assert_eq!(order(&edge, "/reload", Some("x")).status, 403);
    assert_eq!(edge.metric("lb_config_generation", &[]), Some(1.0));

    // The token file alone of the admin settings may change in a reload.
    fs::write(edge.folder().join("token"), "secret\n").expect("written");
    edge.write_config(&with_token);
    assert_eq!(edge.reload(), Ok(2));
    for path in ["/reload", "/reopen_logs"] {
        assert_eq!(order(&edge, path, None).status, 401);
        assert_eq!(order(&edge, path, Some("wrong")).status, 401);
        assert_eq!(order(&edge, path, Some("")).status, 401);
    }
    let done = order(&edge, "/reload", Some("secret"));
    assert_eq!(
        (done.status, done.json()["generation"].as_u64()),
        (200, Some(3))
    );
    assert_eq!(order(&edge, "/reopen_logs", Some("secret")).status, 200);

    edge.write_config("colour: red");
    let refused = order(&edge, "/reload", Some("secret"));
    assert_eq!(refused.status, 422);
    let error = refused.json()["error"].as_str().map(str::to_owned);
    assert!(error.is_some_and(|error| error.contains("colour")));
    assert!(!edge.log_so_far().contains("secret"), "a token in the log");
}

#[test]
fn many_orders_at_once_are_carried_out_or_refused_and_none_hangs() {
    let backends = Backends::start(1);
    let config = format!(
        "admin: {{ address: 127.0.0.1:0, token_file: \"{{folder}}/token\" }}\n{LISTENERS}{}",
        web(&backends, &[0], "")
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("token"), "t").expect("written");
    let edge = Edge::start_in(folder, &config, &[]);
    let admin = edge.admin();
    let orders: Vec<_> = (0..40)
        .map(|_| {
            thread::spawn(move || {
                let token = [("Authorization", "Bearer t")];
                http(admin, "POST", "/reload", &token, b"").status
            })
        })
        .collect();
    let statuses: Vec<_> = orders
        .into_iter()
        .map(|order| order.join().expect("an answer"))
        .collect();
    let done = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 503)),
        "{statuses:?}"
    );
    assert_eq!(
        edge.metric("lb_config_generation", &[]),
        Some(1.0 + done as f64)
    );
    assert!(done > 0);
}

#[test]
fn the_access_log_moves_with_a_reload_and_is_opened_anew_by_signal() {
    let backends = Backends::start(1);
    let logging_to = |target: &str| {
        web(&backends, &[0], "").replace("access_log: off", &format!("access_log: {target}"))
    };
    let mut edge = Edge::start(&logging_to("{ file: \"{folder}/one.log\" }"));
    let (one, two) = (edge.folder().join("one.log"), edge.folder().join("two.log"));
    let count =
        |path: &std::path::Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    assert_eq!(edge.get("/1").status, 200);
    edge.await_true("the first line", |_| count(&one) == 1);

    let rotated = edge.folder().join("one.log.1");
    fs::rename(&one, &rotated).expect("rotated");
    edge.signal("USR1");
    edge.await_true("the file is there again", |_| one.exists());
    assert_eq!(edge.get("/2").status, 200);
    edge.await_true("the next line", |_| count(&one) == 1);
    assert_eq!(count(&rotated), 1);

    edge.write_rest(&logging_to("{ file: \"{folder}/two.log\" }"));
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/3").status, 200);
    edge.await_true("a line in the other file", |_| count(&two) == 1);
    assert_eq!(count(&one), 1);

    edge.write_rest(&logging_to("off"));
    assert_eq!(edge.reload(), Ok(3));
    assert_eq!(edge.get("/4").status, 200);
    edge.write_rest(&logging_to("{ file: \"{folder}/one.log\" }"));
    assert_eq!(edge.reload(), Ok(4));
    assert_eq!(edge.get("/5").status, 200);
    edge.await_true("a line after the pause", |_| count(&one) == 2);
    assert_eq!(count(&two), 1);
}

#[test]
fn a_log_file_that_cannot_be_opened_stops_no_request() {
    let backends = Backends::start(1);
    let rest = web(&backends, &[0], "")
        .replace("access_log: off", "access_log: { file: /nowhere/edge.log }");
    let mut edge = Edge::start(&rest);
    assert_eq!(edge.get("/").status, 200);
    edge.signal("USR1");
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/").status, 200);
    edge.await_true("the log tells", |edge| {
        edge.log_so_far().contains("/nowhere/edge.log")
    });
}

#[test]
fn sigusr2_is_ignored() {
    let backends = Backends::start(1);
    let mut edge = Edge::start(&web(&backends, &[0], ""));
    edge.signal("USR2");
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/").status, 200);
}

/// Whether the process handles SIGHUP; before it does, a hang-up kills whatever program it is.
fn catches_hangup(process: &Child) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("Linux tells of its processes");
    let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    caught
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn a_hangup_in_the_first_milliseconds_does_not_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("edge.yaml");
    let own = folder.path().display();
    let backends = Backends::start(1);
    let config = format!(
        "{ADMIN}{LISTENERS}upgrade: {{ socket: {own}/u, pid_file: {own}/p }}\n{}",
        web(&backends, &[0], "")
    );
    fs::write(&path, config).expect("written");
    let mut process = binary(&["-c", &path.display().to_string()])
        .spawn()
        .expect("the proxy's binary runs");
    let begun = Instant::now();
    while !catches_hangup(&process) {
        assert!(begun.elapsed() < SOON, "it never handles a hang-up");
    }
    let hang_up = ["-s", "HUP", &process.id().to_string()].map(str::to_owned);
    for _ in 0..5 {
        let sent = Command::new("kill").args(&hang_up).status();
        assert!(sent.expect("kill runs").success());
    }
    let mut log = String::new();
    let mut errors = process.stderr.take().expect("piped");
    let mut chunk = [0; 4096];
    while !log.contains("configuration reloaded") {
        let length = errors.read(&mut chunk).expect("readable");
        assert!(
            length > 0,
            "ended by signal {:?}: {log}",
            process.wait().expect("our child").signal()
        );
        log.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    process.kill().expect("our child");
    process.wait().expect("our child");
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
