//! What a client may send, and how it is told when that is too much.

use crate::{
    backend::{Scripted, ok},
    setup::{counted, one_cluster},
    support::edge::{Answer, Edge, http},
    wire::Wire,
};
use std::time::Duration;

fn start(limits: &str) -> (Scripted, Edge) {
    let backend = Scripted::answering(|request| ok(&request.body));
    let rest = one_cluster(&[backend.address()], "");
    let edge = Edge::start(&format!("limits: {{ {limits} }}\n{rest}"));
    (backend, edge)
}

fn reason(answer: &Answer) -> String {
    answer.json()["reason"]
        .as_str()
        .expect("a reason")
        .to_owned()
}

#[test]
fn a_body_over_the_limit_is_refused_whether_declared_or_chunked() {
    let (backend, mut edge) = start("request_body: 1000");
    let exact = http(edge.address(), "POST", "/", &[], &[b'x'; 1000]);
    assert_eq!((exact.status, exact.body.len()), (200, 1000));
    assert_eq!(backend.seen().len(), 1);

    let declared = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n";
    let answer = Wire::sending(edge.address(), declared).answer();
    assert_eq!(
        (answer.status, reason(&answer)),
        (413, "body_too_large".to_owned())
    );

    let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut wire = Wire::sending(edge.address(), chunked);
    wire.send(format!("3e9\r\n{}\r\n", "x".repeat(1001)));
    let answer = wire.answer();
    assert_eq!(
        (answer.status, reason(&answer)),
        (413, "body_too_large".to_owned())
    );
    assert_eq!(answer.json()["cluster"], "web");
    assert_eq!(
        backend.seen().len(),
        1,
        "no whole request reached the back end"
    );
    crate::setup::await_idle(&mut edge);
}

#[test]
fn a_client_that_sends_on_after_the_refusal_still_gets_to_read_it() {
    let (_backend, edge) = start("request_body: 1000");
    let body = vec![b'x'; 2_000_000];
    for _ in 0..10 {
        let answer = http(edge.address(), "POST", "/", &[], &body);
        assert_eq!(
            (answer.status, reason(&answer)),
            (413, "body_too_large".to_owned())
        );
    }
    let request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for _ in 0..10 {
        let mut wire = Wire::sending(edge.address(), request);
        for _ in 0..200 {
            wire.send(format!("2710\r\n{}\r\n", "x".repeat(10_000)));
        }
        wire.send("0\r\n\r\n");
        let answer = wire.answer();
        assert_eq!(
            (answer.status, reason(&answer)),
            (413, "body_too_large".to_owned())
        );
    }
}

#[test]
fn headers_too_large_or_too_many_are_refused() {
    let (backend, edge) = start("request_headers: 2000, header_count: 10");
    let long = "x".repeat(2000);
    let many: Vec<_> = (0..10).map(|i| format!("X-{i}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
    let path = format!("/{long}");
    for answer in [
        http(edge.address(), "GET", "/", &[("X-Long", &long)], b""),
        http(edge.address(), "GET", "/", &many, b""),
        http(edge.address(), "GET", &path, &[], b""),
    ] {
        assert_eq!(
            (answer.status, reason(&answer)),
            (431, "headers_too_large".to_owned())
        );
        assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
    }
    assert_eq!(backend.seen().len(), 0);
    assert_eq!(edge.get("/").status, 200);
}

#[test]
fn more_connections_than_allowed_are_closed_and_counted() {
    let backend = Scripted::answering(|_| ok(""));
    let mut edge = Edge::start_with(
        &format!(
            "admin: {{ address: 127.0.0.1:0 }}\n\
             listeners: [{{ max_connections: 2, address: 127.0.0.1:0 }}]\n{}",
            one_cluster(&[backend.address()], "")
        ),
        &[],
    );
    edge.await_true("nobody is connected", |edge| {
        counted(edge, "lb_downstream_connections", &[]) as u64 == 0
    });
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut held: Vec<_> = (0..2)
        .map(|_| Wire::sending(edge.address(), request))
        .collect();
    for wire in &mut held {
        assert_eq!(wire.answer().status, 200);
    }
    assert!(Wire::open(edge.address()).closes_within(Duration::from_secs(20)));
    let refused = "lb_downstream_connections_refused_total";
    assert!((counted(&edge, refused, &[]) - 1.0).abs() < 0.5);
    drop(held);
    edge.await_true("a place is free again", |edge| {
        edge.metric("lb_downstream_connections", &[]) == Some(0.0)
    });
    assert_eq!(edge.get("/").status, 200);
}

#[test]
fn an_upgrade_is_answered_501_and_an_offer_of_h2c_ignored() {
    let (backend, edge) = start("request_body: 1000");
    let upgrade = |protocol| {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade, HTTP2-Settings\r\n\
             Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        );
        Wire::sending(edge.address(), request).answer()
    };
    let answer = upgrade("websocket");
    assert_eq!(
        (answer.status, reason(&answer)),
        (501, "upgrade_not_supported".to_owned())
    );
    assert_eq!(backend.seen().len(), 0);
    assert_eq!(upgrade("h2c").status, 200);
    assert_eq!(backend.last().values("upgrade"), [""; 0]);
    assert_eq!(backend.last().values("http2-settings"), [""; 0]);
}

#[test]
fn a_client_that_stops_in_the_middle_of_its_body_is_given_up() {
    let (_backend, mut edge) = start("request_read_timeout: 200ms");
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc";
    let answer = Wire::sending(edge.address(), head).answer();
    assert_eq!(
        (answer.status, reason(&answer)),
        (408, "downstream_timeout".to_owned())
    );
    crate::setup::await_idle(&mut edge);
}
