//! Who gets traffic: health checks, ejection, panic, slow start, weights, addresses.

use crate::{
    backend::{Mocks, Refusing, Scripted, ok},
    setup::{await_idle, await_ready, cluster, counted, one_cluster},
    support::edge::{Edge, http},
    wire::Wire,
};
use http::StatusCode;
use services_mock::Fault;
use std::{collections::BTreeMap, net::TcpListener, time::Duration};

const CHECKED: &str = ", health_check: { path: /health, interval: 50ms, timeout: 50ms, \
    healthy_threshold: 2, unhealthy_threshold: 2 }";
const FAILING: Fault = Fault::FastFail {
    rate: 1.0,
    status: StatusCode::INTERNAL_SERVER_ERROR,
};

/// Answers of each mock to so many requests sent one after another.
fn shares(edge: &Edge, mocks: &Mocks, requests: usize) -> Vec<u64> {
    let before = mocks.answered();
    (0..requests).for_each(|_| drop(edge.get("/")));
    let pairs = mocks.answered().into_iter().zip(before);
    pairs.map(|(after, before)| after - before).collect()
}

#[test]
fn a_health_check_takes_an_endpoint_out_and_back() {
    let mocks = Mocks::start(3);
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), CHECKED));
    await_ready(&mut edge, 3);
    for fault in [Fault::Unhealthy, Fault::Hang, Fault::Crash] {
        mocks[1].inject(fault);
        await_ready(&mut edge, 2);
        let unhealthy = format!("endpoint=\"{}\"", mocks[1].addr());
        assert_eq!(edge.metric("lb_endpoint_healthy", &[&unhealthy]), Some(0.0));
        assert_eq!(shares(&edge, &mocks, 10), [5, 0, 5], "{fault:?}");
        mocks[1].recover();
        await_ready(&mut edge, 3);
        assert_eq!(shares(&edge, &mocks, 9), [3, 3, 3], "{fault:?}");
    }
}

#[test]
fn a_tcp_check_takes_an_endpoint_out_that_does_not_listen() {
    let mocks = Mocks::start(3);
    let checked = ", health_check: { tcp: true, interval: 50ms, timeout: 50ms }";
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), checked));
    await_ready(&mut edge, 3);
    mocks[0].inject(Fault::Unhealthy);
    mocks[2].inject(Fault::Crash);
    await_ready(&mut edge, 2);
    assert_eq!(shares(&edge, &mocks, 10), [5, 5, 0]);
    mocks[2].recover();
    await_ready(&mut edge, 3);
}

#[test]
fn errors_in_a_row_eject_up_to_the_share_and_the_ejected_return() {
    let mocks = Mocks::start(5);
    let ejecting = ", outlier_detection: { consecutive_5xx: 3, base_ejection_time: 1s, \
        interval: 1s, max_ejection_percent: 40, min_error_ratio: 0 }";
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), ejecting));
    (0..4).for_each(|index| mocks[index].inject(FAILING));
    let mut most_ejected = 0;
    for _ in 0..60 {
        edge.get("/");
        let ready = edge
            .metric("lb_cluster_ready_endpoints", &[])
            .expect("a gauge");
        most_ejected = most_ejected.max(5 - ready as usize);
    }
    assert_eq!(most_ejected, 2, "40 % of five");
    let ejections = counted(&edge, "lb_outlier_ejections_total", &["consecutive_5xx"]);
    assert!(ejections >= 2.0, "{ejections}");
    (0..4).for_each(|index| mocks[index].recover());
    await_ready(&mut edge, 5);
    // A return leaves the share as it was; the counts began anew with the first success.
    shares(&edge, &mocks, 10);
    assert_eq!(shares(&edge, &mocks, 10), [2; 5]);
}

#[test]
fn nobody_is_ejected_for_what_most_others_do_too() {
    let mocks = Mocks::start(5);
    let ejecting = ", outlier_detection: { consecutive_5xx: 3, base_ejection_time: 60s }";
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), ejecting));
    (0..3).for_each(|index| mocks[index].inject(FAILING));
    (0..60).for_each(|_| drop(edge.get("/")));
    await_ready(&mut edge, 5);
    assert!(counted(&edge, "lb_outlier_ejections_total", &[]) < 0.5);
    mocks[0].recover();
    // Its error rate falls by a tenth with each success.
    (0..150).for_each(|_| drop(edge.get("/")));
    await_ready(&mut edge, 3);
    assert_eq!(shares(&edge, &mocks, 9), [3, 0, 0, 3, 3]);
}

#[test]
fn an_error_that_also_breaks_off_counts_once_towards_an_ejection() {
    let backend = Scripted::start(|connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\ncut");
        }
    });
    let ejecting = ", outlier_detection: { consecutive_5xx: 4, base_ejection_time: 60s }";
    let mut edge = Edge::start(&one_cluster(&[backend.address()], ejecting));
    let ejections = |edge: &Edge| counted(edge, "lb_outlier_ejections_total", &[]) as u64;
    for request in 1..=4 {
        assert_eq!(ejections(&edge), 0, "before request {request}");
        let mut wire = Wire::sending(edge.address(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(wire.head().status, 500);
        wire.rest();
        await_idle(&mut edge);
    }
    edge.await_true("the fourth ejects", |edge| ejections(edge) == 1);
}

#[test]
fn a_refusing_endpoint_is_ejected_too() {
    let (mocks, refusing) = (Mocks::start(2), Refusing::new());
    let addresses = [mocks.addresses(), vec![refusing.address()]].concat();
    let ejecting = ", outlier_detection: { consecutive_5xx: 3, base_ejection_time: 60s }, \
        retry: { min_per_second: 100 }";
    let mut edge = Edge::start(&one_cluster(&addresses, ejecting));
    for _ in 0..30 {
        assert_eq!(edge.get("/").status, 200);
    }
    await_ready(&mut edge, 2);
    let retries = counted(&edge, "lb_retries_total", &[]);
    assert!(
        (retries - 3.0).abs() < 0.5,
        "{retries} retries before the ejection"
    );
}

#[test]
fn below_the_panic_threshold_everyone_gets_traffic() {
    let mocks = Mocks::start(3);
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), CHECKED));
    let panic = |edge: &Edge| counted(edge, "lb_cluster_panic", &[]) > 0.5;
    (0..2).for_each(|index| mocks[index].inject(Fault::Unhealthy));
    edge.await_true("the cluster panics", |edge| panic(edge));
    assert_eq!(shares(&edge, &mocks, 9), [3, 3, 3]);
    mocks[0].recover();
    edge.await_true("two of three are enough", |edge| !panic(edge));
    await_ready(&mut edge, 2);
    assert_eq!(shares(&edge, &mocks, 10), [5, 0, 5]);
}

#[test]
fn a_recovered_endpoint_begins_with_a_part_of_its_share() {
    let mocks = Mocks::start(2);
    let settings = format!("{CHECKED}, slow_start: {{ window: 3s }}");
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), &settings));
    let begun = std::time::Instant::now();
    mocks[1].inject(Fault::Unhealthy);
    await_ready(&mut edge, 1);
    edge.await_true("the first is warm", |_| {
        begun.elapsed() > Duration::from_secs(4)
    });
    mocks[1].recover();
    await_ready(&mut edge, 2);
    let early = shares(&edge, &mocks, 40);
    assert!(early[1] <= 14, "at full share it would have 20: {early:?}");
    let begun = std::time::Instant::now();
    edge.await_true("the window is over", |_| {
        begun.elapsed() > Duration::from_secs(4)
    });
    assert_eq!(shares(&edge, &mocks, 40), [20, 20]);
}

#[test]
fn weights_are_kept_exactly_in_turns() {
    let mocks = Mocks::start(3);
    let [a, b, c] = mocks.addresses()[..] else {
        panic!("three mocks")
    };
    let edge = Edge::start(&format!(
        "access_log: off\nclusters: [{{ name: web, policy: round_robin, discovery: {{ static: {{ endpoints: [\
         {{ address: \"{a}\" }}, {{ address: \"{b}\", weight: 2 }}, {{ address: \"{c}\", weight: 3 }}] }} }} }}]\n\
         routes: [{{ match: {{ path_prefix: / }}, cluster: web }}]\n"
    ));
    assert_eq!(shares(&edge, &mocks, 60), [10, 20, 30]);
}

#[test]
fn an_ipv6_endpoint_is_served() {
    let listener = match TcpListener::bind("[::1]:0") {
        Ok(listener) => listener,
        Err(error) => {
            println!("this machine has no IPv6: {error}");
            assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
            return;
        }
    };
    let address = listener.local_addr().expect("a bound port");
    drop(listener);
    let mocks = Mocks::start_with(1, |settings| settings.address = address);
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), CHECKED));
    await_ready(&mut edge, 1);
    assert_eq!(edge.get("/").json()["instance"], "m0");
}

#[test]
fn a_host_name_is_resolved() {
    let backend = Scripted::answering(|request| ok(request.value("host")));
    let port = backend.address().port();
    let named =
        cluster("web", &[], "").replace("[]", &format!("[{{ address: \"localhost:{port}\" }}]"));
    let edge = Edge::start(&format!(
        "access_log: off\nclusters:\n{named}routes: [{{ match: {{ path_prefix: / }}, cluster: web }}]\n"
    ));
    let answer = http(edge.address(), "GET", "/", &[("Host", "shop.example")], b"");
    assert_eq!(
        (answer.status, answer.text()),
        (200, "shop.example".to_owned())
    );
    let label = format!("endpoint=\"localhost:{port}\"");
    assert!(
        edge.metric("lb_endpoint_inflight", &[&label]).is_some(),
        "known by its name"
    );
}

/// Which mock serves each of so many users.
fn homes(edge: &Edge, users: usize) -> BTreeMap<usize, String> {
    let home = |user: usize| {
        let key = format!("user-{user}");
        let answer = http(edge.address(), "GET", "/", &[("X-User", &key)], b"");
        let instance = answer.json()["instance"].as_str().map(str::to_owned);
        (user, instance.expect("an instance"))
    };
    (0..users).map(home).collect()
}

#[test]
fn ring_hash_sticks_and_moves_only_what_lost_its_endpoint() {
    let mocks = Mocks::start(4);
    let ring = ", policy: { type: ring_hash, header: x-user }";
    let mut edge = Edge::start(&one_cluster(&mocks.addresses(), ring));
    let before = homes(&edge, 60);
    assert_eq!(homes(&edge, 60), before);
    let mut used: Vec<_> = before.values().collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 4, "60 users on four endpoints");

    edge.write_rest(&one_cluster(&mocks.addresses()[..3], ring));
    assert_eq!(edge.reload(), Ok(2));
    for (user, home) in homes(&edge, 60) {
        let stayed = before[&user] == home;
        assert_eq!(
            stayed,
            before[&user] != "m3",
            "user {user}: {} to {home}",
            before[&user]
        );
        assert_ne!(home, "m3");
    }
}
