//! Which request goes to which cluster, and with what target.

use crate::{
    backend::{Scripted, ok},
    setup::cluster,
    support::edge::{Edge, http},
    wire::Wire,
};

/// Three back ends that answer with their letter and the target they saw.
fn start() -> (Vec<Scripted>, Edge) {
    let backend = |letter: &'static str| {
        Scripted::answering(move |request| ok(format!("{letter} {}", request.target())))
    };
    let backends: Vec<_> = ["a", "b", "c"].map(backend).into();
    let clusters: Vec<_> = ["a", "b", "c"]
        .iter()
        .zip(&backends)
        .map(|(name, backend)| cluster(name, &[backend.address()], ""))
        .collect();
    let edge = Edge::start(&format!(
        "access_log: off\nclusters:\n{}routes:
  - {{ match: {{ host: shop.example }}, cluster: a }}
  - {{ match: {{ hosts: [\"*.example\"], path_prefix: /wild }}, cluster: b }}
  - {{ match: {{ path_prefix: /proxy/user-service/ }}, strip_prefix: /proxy/user-service, cluster: c }}
  - {{ match: {{ path_prefix: /s }}, strip_prefix: /s, cluster: c }}
  - {{ match: {{ path_prefix: /s/deeper }}, cluster: b }}
  - {{ match: {{ host: \"[::1]\" }}, cluster: b }}
",
        clusters.concat()
    ));
    (backends, edge)
}

fn routed(edge: &Edge, host: &str, target: &str) -> String {
    let answer = http(edge.address(), "GET", target, &[("Host", host)], b"");
    match answer.status {
        200 => answer.text(),
        status => status.to_string(),
    }
}

#[test]
fn hosts_and_prefixes_choose_the_cluster_and_strip_prefix_keeps_the_rest_byte_for_byte() {
    let (_backends, edge) = start();
    for (host, target, expected) in [
        ("shop.example", "/any?q=1", "a /any?q=1"),
        ("shop.example:8080", "/any", "a /any"),
        ("SHOP.Example", "/any", "a /any"),
        ("x.example", "/wild/1", "b /wild/1"),
        ("x.y.example:1", "/wild", "b /wild"),
        ("example", "/wild", "404"),
        ("x.example", "/wilder", "404"),
        ("[::1]", "/", "b /"),
        ("[::1]:8080", "/", "b /"),
        ("h", "/proxy/user-service/api/users", "c /api/users"),
        ("h", "/proxy/user-service/", "c /"),
        ("h", "/proxy/user-service", "404"),
        ("h", "/proxy/user-service/?a=b&c=%20d", "c /?a=b&c=%20d"),
        (
            "h",
            "/proxy/user-service/a%2Fb/%E4%BD%A0?x=%zz",
            "c /a%2Fb/%E4%BD%A0?x=%zz",
        ),
        ("h", "/proxy/user-service//double", "c //double"),
        ("h", "/s", "c /"),
        ("h", "/s?x=1", "c /?x=1"),
        ("h", "/s/one", "c /one"),
        ("h", "/s/deeper/x", "b /s/deeper/x"),
        ("h", "/second", "404"),
    ] {
        assert_eq!(routed(&edge, host, target), expected, "{host} {target}");
    }
}

#[test]
fn an_absolute_target_is_routed_by_its_own_host_and_forwarded_in_origin_form() {
    let (_backends, edge) = start();
    let ask = |line: &str, host: &str| {
        let request = format!("GET {line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        Wire::sending(edge.address(), request).answer()
    };
    let answer = ask("http://shop.example/any?q=%2F", "shop.example");
    assert_eq!(
        (answer.status, answer.text()),
        (200, "a /any?q=%2F".to_owned())
    );
    let answer = ask("http://h/proxy/user-service/a%2Fb?x", "h");
    assert_eq!(
        (answer.status, answer.text()),
        (200, "c /a%2Fb?x".to_owned())
    );
}

#[test]
fn no_route_is_told_with_its_reason() {
    let (_backends, edge) = start();
    let answer = http(edge.address(), "GET", "/nothing", &[("Host", "h")], b"");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["reason"], "no_route");
    assert_eq!(answer.json()["cluster"], serde_json::Value::Null);
    let text = [("Host", "h"), ("Accept", "text/html")];
    let answer = http(edge.address(), "GET", "/nothing", &text, b"");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(
        answer.text().starts_with("404 no_route: "),
        "{}",
        answer.text()
    );
}
