//! What a client is told when no endpoint gives an answer, and what the access log says of it.

use crate::{
    backend::{BlackHole, Refusing, Scripted, ok},
    setup::{await_idle, by_prefix, cluster, counted, one_cluster},
    support::edge::{Answer, Edge, http},
    wire::Wire,
};
use serde_json::Value;
use std::{fs, net::SocketAddr};

/// One attempt, so that the failure of the one endpoint is what the client is told.
const ONCE: &str = ", retry: { attempts: 0 }, outlier_detection: off, \
    timeouts: { connect: 300ms, read: 300ms }";

fn told(answer: &Answer, cluster: &str) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["cluster"], cluster);
    assert_eq!(body["status"], answer.status);
    assert_eq!(
        body["request_id"].as_str(),
        answer.header("x-request-id"),
        "{body}"
    );
    (
        answer.status,
        body["reason"].as_str().expect("a reason").to_owned(),
    )
}

#[test]
fn an_endpoint_that_does_not_answer_well_is_told_apart_by_status_and_reason() {
    let silent = Scripted::start(|connection| connection.await_close());
    let answering = |bytes: &'static [u8]| {
        Scripted::start(move |connection| {
            if connection.request().is_some() {
                connection.send(bytes);
            }
        })
    };
    let garbage = answering(b"\x00\x01 this is no HTTP\r\n\r\n");
    let closing = answering(b"");
    let half = answering(b"HTTP/1.1 200 OK\r\nContent-");
    let switching = answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
    let huge = Scripted::start(|connection| {
        if connection.request().is_some() {
            connection.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n", "y".repeat(3 << 20)));
            connection.await_close();
        }
    });
    let (refusing, hole) = (Refusing::new(), BlackHole::new());
    let cases: [(&str, SocketAddr, u16, &str); 8] = [
        ("refusing", refusing.address(), 502, "connect_failed"),
        ("hole", hole.address(), 504, "connect_timeout"),
        ("silent", silent.address(), 504, "upstream_timeout"),
        ("garbage", garbage.address(), 502, "upstream_protocol"),
        ("closing", closing.address(), 502, "upstream_reset"),
        ("half", half.address(), 502, "upstream_reset"),
        ("switching", switching.address(), 502, "upstream_protocol"),
        ("huge", huge.address(), 502, "upstream_protocol"),
    ];
    let clusters = cases.map(|(name, address, ..)| (name, cluster(name, &[address], ONCE)));
    let mut edge = Edge::start(&by_prefix(&clusters));
    for (name, _, status, reason) in cases {
        let answer = edge.get(&format!("/{name}/"));
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(told(&answer, name), (status, reason.to_owned()), "{name}");
        let cluster = format!("cluster=\"{name}\"");
        // Counted once the answer is out, which may be after it was read.
        edge.await_true("the failure is counted", |edge| {
            counted(edge, "lb_failures_total", &[&cluster, reason]) as u64 == 1
        });
    }
    await_idle(&mut edge);
}

#[test]
fn a_cluster_without_endpoints_answers_503() {
    let nobody = Refusing::new();
    let edge = Edge::start(&format!(
        "access_log: off\nclusters: [{{ name: empty, discovery: {{ redis: {{ url: \"redis://{}\", service: x }} }} }}]\n\
         routes: [{{ match: {{ path_prefix: / }}, cluster: empty }}]\n",
        nobody.address()
    ));
    let answer = edge.get("/");
    assert_eq!(told(&answer, "empty"), (503, "no_endpoint".to_owned()));
}

#[test]
fn an_answer_that_breaks_off_is_cut_off_for_the_client_too() {
    let backend = Scripted::start(|connection| {
        if connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
        }
    });
    let mut edge = Edge::start(&one_cluster(&[backend.address()], ""));
    let mut wire = Wire::sending(edge.address(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(wire.head().header("content-length"), Some("100"));
    assert_eq!(wire.rest(), b"0123456789");
    assert_eq!(
        backend.seen().len(),
        1,
        "nothing is repeated once an answer has begun"
    );
    await_idle(&mut edge);
}

#[test]
fn a_client_that_prefers_text_gets_text_that_names_reason_and_cluster() {
    let refusing = Refusing::new();
    let edge = Edge::start(&one_cluster(&[refusing.address()], ""));
    let answer = http(edge.address(), "GET", "/", &[("Accept", "text/plain")], b"");
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.text(),
        "502 connect_failed: could not connect to an endpoint of the cluster (cluster web)\n"
    );
    let head = "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut wire = Wire::sending(edge.address(), head);
    assert_eq!(wire.answer_to_head().status, 502);
    assert_eq!(wire.rest(), b"");
}

/// The lines that a proxy with its log in a file has written, once there are so many.
fn log_lines(edge: &mut Edge, count: usize) -> Vec<Value> {
    let path = edge.folder().join("access.log");
    let read = || -> Vec<Value> {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect()
    };
    edge.await_true("the access log is written", |_| read().len() >= count);
    read()
}

#[test]
fn the_access_log_tells_each_request_s_way() {
    let (good, refusing) = (Scripted::answering(|_| ok("12345")), Refusing::new());
    let config = by_prefix(&[
        (
            "web",
            cluster("web", &[refusing.address(), good.address()], ""),
        ),
        ("dead", cluster("dead", &[refusing.address()], "")),
    ]);
    let config = config.replace(
        "access_log: off",
        "access_log: { file: \"{folder}/access.log\" }",
    );
    let mut edge = Edge::start(&config);
    let id = [("X-Request-Id", "id-1"), ("Host", "shop.example")];
    assert_eq!(
        http(edge.address(), "PUT", "/web/a?b=c", &id, b"abc").status,
        200
    );
    assert_eq!(edge.get("/web/").status, 200);
    assert_eq!(edge.get("/dead/").status, 502);
    // Requests are logged once their answer is out: two of them may change places.
    let lines = log_lines(&mut edge, 3);
    let find = |path: &str| lines.iter().find(|line| line["path"] == path);
    let first = find("/web/a?b=c").expect("the first request is logged");
    for (field, value) in [
        ("request_id", Value::from("id-1")),
        ("client", "127.0.0.1".into()),
        ("method", "PUT".into()),
        ("host", "shop.example".into()),
        ("path", "/web/a?b=c".into()),
        ("status", 200.into()),
        ("bytes_received", 3.into()),
        ("bytes_sent", 5.into()),
        ("route", "web".into()),
        ("cluster", "web".into()),
        ("upstream", good.address().to_string().into()),
        ("policy", "round_robin".into()),
        ("model", Value::Null),
        ("retries", 1.into()),
        ("reason", Value::Null),
    ] {
        assert_eq!(first[field], value, "{field} in {first}");
    }
    assert!(first["duration_ms"].as_f64() >= first["upstream_ms"].as_f64());
    assert!(first["decision_us"].as_f64() > Some(0.0));
    let last = find("/dead/").expect("the last request is logged");
    assert_eq!(
        (&last["status"], &last["reason"]),
        (&502.into(), &"connect_failed".into())
    );
    assert_eq!(last["upstream"], refusing.address().to_string());
}
