//! What of a request reaches the back end and what of its answer reaches the client.

use crate::{
    backend::{Received, Scripted, ok},
    setup::one_cluster,
    support::edge::{Answer, Edge, http},
    wire::Wire,
};

/// A proxy in front of a back end that answers `answer`.
fn start(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> (Scripted, Edge) {
    let backend = Scripted::answering(answer);
    let edge = Edge::start(&one_cluster(&[backend.address()], ""));
    (backend, edge)
}

#[test]
fn method_headers_and_host_arrive_as_sent() {
    let (backend, edge) = start(|_| ok("x"));
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"] {
        let headers = [
            ("Host", "Shop.example:81"),
            ("X-Two", "a"),
            ("X-Two", "b, c"),
        ];
        let answer = http(edge.address(), method, "/p?q", &headers, b"body");
        assert_eq!(answer.status, 200, "{method}");
        let seen = backend.last();
        assert_eq!(seen.request_line(), format!("{method} /p?q HTTP/1.1"));
        assert_eq!(seen.value("host"), "Shop.example:81");
        assert_eq!(seen.values("x-two"), ["a", "b, c"]);
        assert_eq!(seen.body, b"body");
    }
}

#[test]
fn statuses_and_bodies_come_back_byte_for_byte() {
    let (_backend, edge) = start(|request| {
        let status: u16 = request.target()[1..].parse().expect("a status");
        let body = match status {
            204 | 304 => String::new(),
            _ => format!("Content-Length: 256\r\n\r\n{}", "z".repeat(256)),
        };
        let end = if body.is_empty() { "\r\n" } else { "" };
        format!("HTTP/1.1 {status} Own words\r\nX-Kept: yes\r\n{end}{body}").into_bytes()
    });
    for status in [200, 201, 204, 301, 304, 400, 404, 429, 500, 503, 599] {
        let answer = edge.get(&format!("/{status}"));
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-kept"), Some("yes"), "{status}");
        let length = if matches!(status, 204 | 304) { 0 } else { 256 };
        assert_eq!(answer.body, "z".repeat(length).as_bytes(), "{status}");
    }
}

#[test]
fn a_head_request_gets_the_headers_and_no_body() {
    let (_backend, edge) = start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_vec());
    let request = "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut wire = Wire::sending(edge.address(), request);
    let answer = wire.answer_to_head();
    assert_eq!(answer.header("content-length"), Some("1234"));
    assert_eq!(wire.rest(), b"");
}

#[test]
fn forged_forwarding_headers_of_an_untrusted_client_are_replaced() {
    let (backend, edge) = start(|_| ok(""));
    let headers = [
        ("Host", "shop.example"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "for=6.6.6.6"),
    ];
    http(edge.address(), "GET", "/", &headers, b"");
    let seen = backend.last();
    assert_eq!(seen.value("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.value("x-forwarded-proto"), "http");
    assert_eq!(seen.value("x-forwarded-host"), "shop.example");
    assert_eq!(
        seen.value("forwarded"),
        "for=127.0.0.1;host=\"shop.example\";proto=http"
    );
}

#[test]
fn forwarding_headers_of_a_trusted_proxy_are_kept_and_appended_to() {
    let backend = Scripted::answering(|_| ok(""));
    let rest = one_cluster(&[backend.address()], "");
    let edge = Edge::start(&format!("trusted_proxies: [127.0.0.0/8]\n{rest}"));
    let headers = [
        ("Host", "inner.example"),
        ("X-Forwarded-For", "10.1.1.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("Forwarded", "for=10.1.1.1"),
    ];
    http(edge.address(), "GET", "/", &headers, b"");
    let seen = backend.last();
    assert_eq!(seen.value("x-forwarded-for"), "10.1.1.1, 127.0.0.1");
    assert_eq!(seen.value("x-forwarded-proto"), "https");
    assert_eq!(seen.value("x-forwarded-host"), "shop.example");
    assert!(
        seen.value("forwarded")
            .starts_with("for=10.1.1.1, for=127.0.0.1;")
    );
}

#[test]
fn identifiers_are_passed_on_or_made_and_told_to_the_client() {
    let (backend, edge) = start(|_| ok(""));
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sent = [("X-Request-Id", "my-id"), ("traceparent", traceparent)];
    let answer = http(edge.address(), "GET", "/", &sent, b"");
    assert_eq!(backend.last().value("x-request-id"), "my-id");
    assert_eq!(backend.last().value("traceparent"), traceparent);
    assert_eq!(answer.header("x-request-id"), Some("my-id"));

    let answer = edge.get("/");
    let made = backend.last().value("x-request-id").to_owned();
    assert_eq!(made.len(), 32);
    assert_eq!(answer.header("x-request-id"), Some(made.as_str()));
    assert_eq!(backend.last().value("traceparent").len(), 55);
}

#[test]
fn hop_by_hop_headers_are_stripped_in_both_directions() {
    let (backend, edge) = start(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, x-of-backend\r\n\
          Keep-Alive: timeout=5\r\nX-Of-Backend: 1\r\nX-Kept: 1\r\n\r\n"
            .to_vec()
    });
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n\
        Keep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n\
        X-Kept: 1\r\n\r\n";
    let answer: Answer = Wire::sending(edge.address(), request).answer();
    let seen = backend.last();
    for name in ["x-hop", "keep-alive", "proxy-connection", "te"] {
        assert_eq!(seen.values(name), [""; 0], "{name} reached the back end");
    }
    assert!(!seen.values("connection").concat().contains("x-hop"));
    assert_eq!(seen.value("x-kept"), "1");
    for name in ["keep-alive", "x-of-backend"] {
        assert_eq!(answer.header(name), None, "{name} reached the client");
    }
    assert_eq!(answer.header("x-kept"), Some("1"));
}

#[test]
fn the_load_report_is_for_the_proxy_alone() {
    let (_backend, edge) = start(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\
          endpoint-load-metrics: TEXT cpu_utilization=0.4\r\nX-Kept: 1\r\n\r\n"
            .to_vec()
    });
    let answer = edge.get("/");
    assert_eq!(answer.header("endpoint-load-metrics"), None);
    assert_eq!(answer.header("x-kept"), Some("1"));
}
