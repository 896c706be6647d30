//! Endpoints from a real Redis, which may lie, hang, die and come back empty.

use crate::{
    backends::{Backends, assert_none_failed},
    support::{
        edge::{Edge, in_repository},
        redis_server::RedisServer,
    },
};
use services_mock::RegistrySettings;
use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

const SERVICE: &str = "user-service";

/// A cluster `users` from the registry below `/users`, beside a static one.
fn config(redis: &str, statics: &Backends, more: &str) -> String {
    format!(
        "access_log: off\nclusters: [{{ name: users, discovery: {{ redis: {{ url: \"{redis}\", service: {SERVICE}{more} }} }}, policy: round_robin }}, {{ name: web, {} }}]\nroutes: [{{ match: {{ path_prefix: /users }}, strip_prefix: /users, cluster: users }}, {{ match: {{ path_prefix: / }}, cluster: web }}]\n",
        statics.discovery([0])
    )
}

const OFTEN: &str = ", interval: 50ms";
/// Only events call for a pass within a test.
const SELDOM: &str = ", interval: 5m";

fn record(address: SocketAddr) -> String {
    format!(r#"{{"serviceName": "{SERVICE}", "url": "http://{address}", "healthy": true}}"#)
}

/// Services that register themselves.
fn registered(redis: &RedisServer, count: usize) -> Backends {
    let url = redis.url();
    Backends::start_with(count, move |_, settings| {
        settings.registry = Some(RegistrySettings {
            beat: Duration::from_millis(100),
            ..RegistrySettings::new(url.clone())
        });
    })
}

fn ready(edge: &Edge) -> u64 {
    edge.admin_get("/clusters").json()[0]["ready"]
        .as_u64()
        .expect("a number")
}

fn await_ready(edge: &mut Edge, count: u64) {
    edge.await_true(&format!("{count} endpoints are ready"), |edge| {
        ready(edge) == count
    });
}

fn registry(edge: &Edge, what: &str) -> f64 {
    let family = format!("lb_registry_{what}");
    edge.metric(&family, &["cluster=\"users\""])
        .unwrap_or_else(|| panic!("no {family}"))
}

#[test]
fn records_of_the_original_system_register_unchanged_and_get_traffic() {
    let redis = RedisServer::start();
    let backends = Backends::start(2);
    let original = fs::read_to_string(in_repository("tests/fixtures/registry/original.json"));
    let original = original.expect("a fixture");
    let own = original.replace("10.244.1.17:8081", &backends.address(1).to_string());
    assert_ne!(original, own);
    redis.register(SERVICE, "user-service-6d5f7c9b8-x2x4k", &own);
    let edge = Edge::start(&config(&redis.url(), &backends, SELDOM));
    for _ in 0..5 {
        assert_eq!(edge.get("/users/").status, 200);
    }
    assert_eq!(backends.mock(1).counts().answered(), 5);
    assert_eq!(backends.mock(0).counts().answered(), 0);
}

#[test]
fn services_join_and_leave_at_once_with_their_series() {
    let redis = RedisServer::start();
    let statics = Backends::start(1);
    let mut edge = Edge::start(&config(&redis.url(), &statics, SELDOM));
    assert_eq!(edge.get("/users/").status, 503, "nobody is there");
    let mut users = registered(&redis, 3);
    await_ready(&mut edge, 3);
    for _ in 0..9 {
        assert_eq!(edge.get("/users/").status, 200);
    }
    for index in 0..3 {
        assert_eq!(users.mock(index).counts().answered(), 3, "service {index}");
    }
    assert!(registry(&edge, "events_total") >= 3.0);
    assert!((registry(&edge, "records") - 3.0).abs() < 0.5);

    let gone = format!("endpoint=\"{}\"", users.address(0));
    users.stop(0);
    await_ready(&mut edge, 2);
    assert!(!edge.admin_get("/metrics").text().contains(&gone));
    for _ in 0..4 {
        assert_eq!(edge.get("/users/").status, 200);
    }
}

#[test]
fn a_record_that_says_unhealthy_gets_no_traffic() {
    let redis = RedisServer::start();
    let backends = Backends::start(2);
    redis.register(SERVICE, "one", &record(backends.address(0)));
    redis.register(SERVICE, "two", &record(backends.address(1)));
    let mut edge = Edge::start(&config(&redis.url(), &backends, OFTEN));
    assert_eq!(ready(&edge), 2);
    let unhealthy = record(backends.address(1)).replace("true", "false");
    redis.register(SERVICE, "two", &unhealthy);
    await_ready(&mut edge, 1);
    let before = backends.mock(1).counts().answered();
    for _ in 0..10 {
        assert_eq!(edge.get("/users/").status, 200);
    }
    assert_eq!(backends.mock(1).counts().answered(), before);
    redis.register(SERVICE, "two", &record(backends.address(1)));
    await_ready(&mut edge, 2);
}

#[test]
fn malformed_huge_and_hostile_records_are_counted_and_the_good_ones_serve() {
    let redis = RedisServer::start();
    let backends = Backends::start(1);
    let folder = in_repository("tests/fixtures/registry/malformed");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("fixtures") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let key = format!("service:{SERVICE}:{name}");
        let value = fs::read(&path).expect("readable");
        redis.command(&[b"SET", key.as_bytes(), &value]);
        count += 1;
    }
    assert!(count > 30, "{count} fixtures");
    let huge = format!(
        r#"{{"url": "http://127.0.0.1", "x": "{}"}}"#,
        "x".repeat(10 << 20)
    );
    redis.register(SERVICE, "huge", &huge);
    redis.register(SERVICE, &"k".repeat(100_000), "{}");
    redis.command(&["LPUSH", &format!("service:{SERVICE}:list"), "x"]);
    redis.register(SERVICE, "good", &record(backends.address(0)));
    let mut edge = Edge::start(&config(&redis.url(), &backends, OFTEN));
    assert_eq!(ready(&edge), 1);
    assert_eq!(edge.get("/users/").status, 200);
    for reason in [
        "json",
        "url",
        "too_large",
        "address",
        "key",
        "kind",
        "user_info",
    ] {
        let label = format!("reason=\"{reason}\"");
        let counted = edge.metric("lb_registry_malformed_records_total", &[&label]);
        assert!(counted.is_some_and(|counted| counted > 0.0), "{reason}");
    }
    let log = edge.log_so_far();
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "{log:?}");
}

#[test]
fn without_redis_the_proxy_starts_serves_the_rest_and_finds_redis_when_it_comes() {
    let mut redis = RedisServer::start();
    redis.kill();
    let statics = Backends::start(1);
    let mut edge = Edge::start(&config(&redis.url(), &statics, OFTEN));
    assert_eq!(edge.get("/").status, 200);
    assert_eq!(edge.get("/users/").status, 503);
    assert!(registry(&edge, "scan_errors_total") >= 1.0);
    redis.restart();
    let users = registered(&redis, 1);
    await_ready(&mut edge, 1);
    assert_eq!(edge.get("/users/").status, 200);
    assert_eq!(users.mock(0).counts().answered(), 1);
    assert!(registry(&edge, "last_success_timestamp_seconds") > 1e9);
}

#[test]
fn killed_under_load_and_restarted_empty_redis_takes_no_endpoint_away() {
    let mut redis = RedisServer::start();
    let backends = Backends::start(2);
    redis.register(SERVICE, "one", &record(backends.address(0)));
    redis.register(SERVICE, "two", &record(backends.address(1)));
    let mut edge = Edge::start(&config(&redis.url(), &backends, OFTEN));
    assert_eq!(ready(&edge), 2);
    let load = backends.load_on(edge.address(), "/users/", 200.0);
    redis.kill();
    edge.await_true("the loss is noticed", |edge| {
        registry(edge, "scan_errors_total") >= 2.0
    });
    assert_eq!(ready(&edge), 2);

    assert_eq!(edge.reload(), Ok(2), "a reload while Redis is dead");
    assert_eq!(ready(&edge), 2);

    redis.restart();
    let seen = registry(&edge, "last_success_timestamp_seconds");
    edge.await_true("an empty Redis is read", |edge| {
        registry(edge, "last_success_timestamp_seconds") > seen
    });
    assert_eq!(ready(&edge), 2);
    redis.register(SERVICE, "one", &record(backends.address(0)));
    redis.register(SERVICE, "two", &record(backends.address(1)));
    assert_none_failed(&backends.finish(load));
    assert_eq!(edge.metric("lb_dropped_requests_total", &[]), Some(0.0));
}

#[test]
fn a_reload_that_changes_how_a_dead_registry_is_asked_keeps_the_endpoints() {
    let mut redis = RedisServer::start();
    let backends = Backends::start(2);
    redis.register(SERVICE, "one", &record(backends.address(0)));
    let mut edge = Edge::start(&config(&redis.url(), &backends, OFTEN));
    assert_eq!(ready(&edge), 1);
    redis.kill();
    let other = format!("{}/0", redis.url());
    for (generation, url, more) in [
        (2, redis.url(), ", interval: 40ms, max_age: 1h"),
        (3, other, OFTEN),
    ] {
        edge.write_rest(&config(&url, &backends, more));
        assert_eq!(edge.reload(), Ok(generation));
        assert_eq!(edge.get("/users/").status, 200);
    }
    redis.restart();
    redis.register(SERVICE, "one", &record(backends.address(0)));
    redis.register(SERVICE, "two", &record(backends.address(1)));
    await_ready(&mut edge, 2);
}

/// Takes over the port of a Redis that is dead and serves each connection with `serve`.
fn impostor(address: SocketAddr, serve: fn(std::net::TcpStream)) {
    let listener = TcpListener::bind(address).expect("the port is free again");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream));
        }
    });
}

fn assert_reloads_keep_endpoints(serve: fn(std::net::TcpStream)) {
    let mut redis = RedisServer::start();
    let backends = Backends::start(2);
    redis.register(SERVICE, "one", &record(backends.address(0)));
    redis.register(SERVICE, "two", &record(backends.address(1)));
    let mut edge = Edge::start(&config(&redis.url(), &backends, OFTEN));
    assert_eq!(ready(&edge), 2);
    redis.kill();
    impostor(redis.address(), serve);
    edge.await_true("the impostor is noticed", |edge| {
        registry(edge, "scan_errors_total") >= 1.0
    });
    let load = backends.load_on(edge.address(), "/users/", 100.0);
    edge.await_true("the load has begun", |_| {
        backends.mock(0).counts().answered() > 10
    });
    for generation in 2..4 {
        assert_eq!(edge.reload(), Ok(generation));
        assert_eq!(ready(&edge), 2);
    }
    assert_none_failed(&backends.finish(load));
}

#[test]
fn reloads_keep_the_endpoints_while_redis_answers_garbage() {
    assert_reloads_keep_endpoints(
        |mut stream| {
            while stream.write_all(b"$-7\r\n\xff\xfe*\r\n").is_ok() {}
        },
    );
}

#[test]
fn reloads_keep_the_endpoints_while_redis_hangs() {
    assert_reloads_keep_endpoints(|stream| {
        thread::park_timeout(Duration::from_secs(600));
        drop(stream);
    });
}
