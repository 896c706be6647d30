//! When a failed attempt is repeated on another endpoint, and when it must not be.

use crate::{
    backend::{Connection, Mocks, Refusing, Scripted, ok},
    setup::{await_idle, counted, one_cluster},
    support::edge::{Edge, http},
};
use services_mock::Fault;
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

/// Endpoints fail by design here: none is to be ejected for it.
const STEADY: &str = ", outlier_detection: off, retry: { attempts: 2, min_per_second: 1000 }";

fn closing() -> Scripted {
    Scripted::start(|connection| drop(connection.request()))
}

fn good() -> Scripted {
    Scripted::answering(|request| ok(&request.body))
}

/// Sends so many requests, one after another; returns their statuses without the 200s.
fn failed(edge: &Edge, method: &str, body: &[u8], count: usize) -> Vec<u16> {
    let send = |_| http(edge.address(), method, "/", &[], body).status;
    (0..count)
        .map(send)
        .filter(|status| *status != 200)
        .collect()
}

fn retries(edge: &Edge, reason: &str) -> usize {
    counted(edge, "lb_retries_total", &[&format!("reason=\"{reason}\"")]) as usize
}

#[test]
fn every_request_is_repeated_when_its_connection_is_refused() {
    let (refusing, good) = (Refusing::new(), good());
    let edge = Edge::start(&one_cluster(&[refusing.address(), good.address()], STEADY));
    for (method, body) in [
        ("GET", &b""[..]),
        ("POST", b"once"),
        ("POST", &[b'x'; 200_000]),
    ] {
        assert_eq!(
            failed(&edge, method, body, 4),
            [0; 0],
            "{method} {}",
            body.len()
        );
    }
    assert_eq!(good.seen().len(), 12);
    assert!(
        retries(&edge, "connect_failed") > 0,
        "the dead endpoint was never chosen"
    );
}

#[test]
fn a_reset_before_the_answer_is_made_good_for_idempotent_requests_only() {
    let (closing, good) = (closing(), good());
    let edge = Edge::start(&one_cluster(&[closing.address(), good.address()], STEADY));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(failed(&edge, method, b"", 2), [0; 0], "{method}");
    }
    let resets = closing.seen().len();
    assert!(resets > 0 && retries(&edge, "upstream_reset") == resets);
    let seen = |closing: &Scripted| closing.seen().len() + good.seen().len();
    let before = seen(&closing);
    assert_eq!(failed(&edge, "POST", b"once", 4), [502, 502]);
    assert_eq!(
        seen(&closing) - before,
        4,
        "each POST reached one back end once"
    );
    assert_eq!(
        counted(&edge, "lb_dropped_requests_total", &[]) as u64,
        0,
        "none was avoidable"
    );
}

#[test]
fn configured_statuses_are_tried_again_and_the_last_one_is_passed_on() {
    let refusing =
        || Scripted::answering(|_| b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno".to_vec());
    let (one, two, good) = (refusing(), refusing(), good());
    let settings =
        ", outlier_detection: off, retry: { attempts: 1, min_per_second: 1000, statuses: [503] }";
    let mut edge = Edge::start(&one_cluster(&[one.address(), good.address()], settings));
    assert_eq!(failed(&edge, "GET", b"", 6), [0; 0]);
    let unwell = one.seen().len();
    assert!(unwell > 0 && retries(&edge, "status") == unwell);
    assert_eq!(
        failed(&edge, "POST", b"x", 2),
        [503],
        "a POST is not tried again"
    );
    await_idle(&mut edge);

    let edge = Edge::start(&one_cluster(&[one.address(), two.address()], settings));
    let answer = edge.get("/");
    assert_eq!(
        (answer.status, answer.text()),
        (503, "no".to_owned()),
        "the back end's own"
    );
}

#[test]
fn attempts_are_bounded_and_endpoints_tried_once() {
    let dead: Vec<_> = (0..4).map(|_| closing()).collect();
    let addresses: Vec<SocketAddr> = dead.iter().map(Scripted::address).collect();
    let seen = || -> Vec<usize> { dead.iter().map(|backend| backend.seen().len()).collect() };
    let edge = Edge::start(&one_cluster(&addresses, STEADY));
    assert_eq!(edge.get("/").status, 502);
    assert_eq!(seen().iter().sum::<usize>(), 3, "one attempt and two more");
    assert!(seen().iter().all(|count| *count <= 1), "{:?}", seen());

    let before = seen();
    let edge = Edge::start(&one_cluster(&addresses[..2], STEADY));
    let answer = edge.get("/");
    assert_eq!(
        (answer.status, &answer.json()["reason"]),
        (502, &"upstream_reset".into())
    );
    assert_eq!(
        seen()[..2],
        [before[0] + 1, before[1] + 1],
        "nobody was left to try"
    );
}

#[test]
fn a_spent_budget_ends_retries() {
    let (refusing, good) = (Refusing::new(), good());
    let settings =
        ", outlier_detection: off, retry: { attempts: 2, budget_percent: 10, min_per_second: 0 }";
    let edge = Edge::start(&one_cluster(
        &[refusing.address(), good.address()],
        settings,
    ));
    let failed = failed(&edge, "GET", b"", 40);
    assert!(failed.len() >= 10, "{failed:?}");
    let retries = retries(&edge, "connect_failed");
    assert!((1..=4).contains(&retries), "a tenth of 40, not {retries}");
    assert_eq!(
        counted(&edge, "lb_dropped_requests_total", &[]) as u64,
        0,
        "no budget, no drop"
    );
}

#[test]
fn a_body_within_the_retry_buffer_is_sent_again_whole_and_counted_once() {
    let (closing, good) = (closing(), good());
    let rest = one_cluster(&[closing.address(), good.address()], STEADY);
    let edge = Edge::start(&format!("limits: {{ request_body: 65000 }}\n{rest}"));
    let body: Vec<u8> = (0..60_000_u32).map(|i| (i % 251) as u8).collect();
    for _ in 0..4 {
        let answer = http(edge.address(), "PUT", "/", &[], &body);
        assert_eq!(answer.status, 200);
        assert!(answer.body == body, "the body came changed");
    }
    let resets = closing.seen().len();
    assert!(resets > 0 && retries(&edge, "upstream_reset") == resets);
}

#[test]
fn a_body_larger_than_the_retry_buffer_is_not_sent_again() {
    let (closing, good) = (closing(), good());
    let edge = Edge::start(&one_cluster(&[closing.address(), good.address()], STEADY));
    assert_eq!(failed(&edge, "PUT", &[b'x'; 200_000], 4), [502, 502]);
    assert_eq!(good.seen().len(), 2);
    assert_eq!(retries(&edge, "upstream_reset"), 0);
}

/// Answers one request on each connection and closes at the next, as a server does that has
/// given up an idle connection.
fn answer_once(connection: &mut Connection) {
    if let Some(request) = connection.request() {
        connection.send(ok(&request.body));
    }
    drop(connection.head());
}

#[test]
fn a_pooled_connection_that_went_stale_costs_an_idempotent_request_nothing() {
    let backend = Scripted::start(answer_once);
    let edge = Edge::start(&one_cluster(&[backend.address()], STEADY));
    assert_eq!(failed(&edge, "GET", b"", 20), [0; 0]);
    assert_eq!(failed(&edge, "PUT", b"body", 20), [0; 0]);
    assert!(
        retries(&edge, "upstream_reset") > 0,
        "none of the connections was stale"
    );
}

#[test]
fn a_restart_of_a_back_end_fails_no_get() {
    let mocks = Mocks::start(2);
    let edge = Edge::start(&one_cluster(&mocks.addresses(), STEADY));
    assert_eq!(failed(&edge, "GET", b"", 10), [0; 0]);
    for _ in 0..3 {
        mocks[0].inject(Fault::Crash);
        assert_eq!(failed(&edge, "GET", b"", 6), [0; 0]);
        mocks[0].recover();
        assert_eq!(failed(&edge, "GET", b"", 6), [0; 0]);
    }
    assert_eq!(counted(&edge, "lb_dropped_requests_total", &[]) as u64, 0);
}

#[test]
fn a_client_that_leaves_during_a_retry_is_not_counted_as_dropped() {
    let refusing = Refusing::new();
    static LEFT: AtomicBool = AtomicBool::new(false);
    let silent = Scripted::start(|connection| {
        LEFT.store(connection.request().is_some(), SeqCst);
        connection.await_close();
    });
    let addresses = [refusing.address(), silent.address(), refusing.address()];
    let mut edge = Edge::start(&one_cluster(&addresses[..2], STEADY));
    for _ in 0..2 {
        LEFT.store(false, SeqCst);
        let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let wire = crate::wire::Wire::sending(edge.address(), request);
        edge.await_true("the second endpoint has the request", |_| LEFT.load(SeqCst));
        drop(wire);
        await_idle(&mut edge);
    }
    edge.await_true("both are counted", |edge| {
        counted(edge, "lb_requests_total", &[r#"code="499""#]) as u64 == 2
    });
    let failures = |reason| counted(&edge, "lb_failures_total", &[reason]) as u64;
    assert_eq!(
        (failures("connect_failed"), failures("downstream_gone")),
        (0, 2)
    );
    assert_eq!(counted(&edge, "lb_dropped_requests_total", &[]) as u64, 0);
}
