//! Bodies and messages on the wire: lengths, chunks, interim answers, several on one connection.

use crate::{
    backend::{Mocks, Scripted, ok},
    setup::{await_idle, one_cluster},
    support::edge::{Edge, http},
    wire::Wire,
};

/// A proxy in front of a back end that answers with the body it got.
fn start() -> (Scripted, Edge) {
    let backend = Scripted::answering(|request| ok(&request.body));
    let edge = Edge::start(&one_cluster(&[backend.address()], ""));
    (backend, edge)
}

/// Bytes of every value, without a short period.
fn binary(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
}

#[test]
fn bodies_of_any_size_come_back_byte_for_byte() {
    let (_backend, edge) = start();
    for length in [0, 1, 100_000, 3_000_000] {
        let body = binary(length);
        let answer = http(edge.address(), "POST", "/", &[], &body);
        assert_eq!(answer.status, 200, "{length}");
        assert!(answer.body == body, "{length} bytes came back changed");
    }
}

#[test]
fn a_chunked_upload_arrives_whole() {
    let (backend, edge) = start();
    let mut wire = Wire::sending(
        edge.address(),
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    let body = binary(100_000);
    for chunk in body.chunks(3333) {
        wire.send(format!("{:x};name=value\r\n", chunk.len()));
        wire.send(chunk);
        wire.send("\r\n");
    }
    wire.send("0\r\n\r\n");
    let answer = wire.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body && backend.last().body == body);
}

#[test]
fn a_chunked_or_unframed_answer_comes_back_whole() {
    let mocks = Mocks::start(1);
    let until_close = Scripted::start(|connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\n\r\n");
            connection.send(binary(50_000));
        }
    });
    let edge = Edge::start(&one_cluster(&mocks.addresses(), ""));
    let answer = edge.get("/slow-body?chunks=5&delay=1ms");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.body, edge.get("/slow-body?chunks=5&delay=0ms").body);
    assert!(!answer.body.is_empty());

    let edge = Edge::start(&one_cluster(&[until_close.address()], ""));
    assert!(edge.get("/").body == binary(50_000));
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it_and_then_its_answer() {
    let backend = Scripted::start(|connection| {
        let Some(head) = connection.head() else {
            return;
        };
        assert_eq!(head.value("expect"), "100-continue");
        connection.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = connection.body_of(&head).unwrap_or_default();
        connection.send(ok(&body));
    });
    let edge = Edge::start(&one_cluster(&[backend.address()], ""));
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let mut wire = Wire::sending(edge.address(), head);
    assert_eq!(wire.head().status, 100);
    wire.send("body");
    let answer = wire.answer();
    assert_eq!((answer.status, answer.text()), (200, "body".to_owned()));
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let (backend, edge) = start();
    let mut wire = Wire::open(edge.address());
    for body in ["one", "two", "three"] {
        let length = body.len();
        wire.send(format!(
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        assert_eq!(wire.answer().text(), body);
    }
    assert_eq!(backend.seen().len(), 3);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_backend, edge) = start();
    let one = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none";
    let two = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo";
    let mut wire = Wire::sending(edge.address(), [one, two].concat());
    assert_eq!(wire.answer().text(), "one");
    assert_eq!(wire.answer().text(), "two");
}

#[test]
fn an_old_client_gets_an_answer_that_it_understands() {
    let mocks = Mocks::start(1);
    let edge = Edge::start(&one_cluster(&mocks.addresses(), ""));
    let mut wire = Wire::sending(
        edge.address(),
        "GET /slow-body?chunks=2&delay=0ms HTTP/1.0\r\n\r\n",
    );
    let answer = wire.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("transfer-encoding"),
        None,
        "HTTP/1.0 knows no chunks"
    );
}

#[test]
fn requests_of_two_clients_are_served_at_the_same_time() {
    let backend = Scripted::start(|connection| {
        while let Some(request) = connection.request() {
            // Each is answered only when the other has arrived as well.
            connection.await_true(|seen| seen >= 2);
            connection.send(ok(request.target()));
        }
    });
    let edge = Edge::start(&one_cluster(&[backend.address()], ""));
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut one = Wire::sending(edge.address(), request("/one"));
    let mut two = Wire::sending(edge.address(), request("/two"));
    assert_eq!(one.answer().text(), "/one");
    assert_eq!(two.answer().text(), "/two");
}

#[test]
fn a_broken_chunk_of_a_client_is_its_own_fault() {
    let (backend, mut edge) = start();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut wire = Wire::sending(edge.address(), format!("{head}zz\r\nbody\r\n0\r\n\r\n"));
    let answer = wire.answer();
    assert_eq!(
        (answer.status, &answer.json()["reason"]),
        (400, &"downstream_protocol".into())
    );
    await_idle(&mut edge);
    assert_eq!(backend.seen().len(), 0);
}

#[test]
fn an_upload_may_take_longer_than_the_longest_wait_for_an_answer() {
    let backend = Scripted::answering(|request| ok(&request.body));
    let settings = ", timeouts: { read: 400ms }";
    let edge = Edge::start(&one_cluster(&[backend.address()], settings));
    let mut wire = Wire::sending(
        edge.address(),
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n",
    );
    for _ in 0..10 {
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        wire.send("x");
    }
    let answer = wire.answer();
    assert_eq!((answer.status, answer.body.len()), (200, 10));
}
