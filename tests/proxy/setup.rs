//! Configurations, and what several themes ask of a running proxy.

use crate::support::edge::Edge;
use std::net::SocketAddr;

/// A cluster of these endpoints that is served in turns; `settings` are further keys of it,
/// each with a comma in front.
pub(crate) fn cluster(name: &str, addresses: &[SocketAddr], settings: &str) -> String {
    let policy = if settings.contains("policy:") {
        ""
    } else {
        ", policy: round_robin"
    };
    let endpoints: Vec<_> = addresses
        .iter()
        .map(|address| format!("{{ address: \"{address}\" }}"))
        .collect();
    let endpoints = endpoints.join(", ");
    format!(
        "  - {{ name: {name}, discovery: {{ static: {{ endpoints: [{endpoints}] }} }}{policy}{settings} }}\n"
    )
}

/// Everything goes to one cluster called `web`.
pub(crate) fn one_cluster(addresses: &[SocketAddr], settings: &str) -> String {
    by_prefix(&[("web", cluster("web", addresses, settings))])
}

/// Clusters by name, each reached below `/<name>/`, which is stripped; the first also at `/`.
pub(crate) fn by_prefix(clusters: &[(&str, String)]) -> String {
    let mut config = "access_log: off\nclusters:\n".to_owned();
    let mut routes = "routes:\n".to_owned();
    for (name, cluster) in clusters {
        config.push_str(cluster);
        routes.push_str(&format!(
            "  - {{ name: {name}, match: {{ path_prefix: /{name}/ }}, strip_prefix: /{name}, cluster: {name} }}\n"
        ));
    }
    let first = clusters[0].0;
    routes.push_str(&format!(
        "  - {{ name: rest, match: {{ path_prefix: / }}, cluster: {first} }}\n"
    ));
    config + &routes
}

/// Waits until the proxy counts nothing in flight.
pub(crate) fn await_idle(edge: &mut Edge) {
    edge.await_true("no endpoint has anything in flight", |edge| {
        edge.metric("lb_endpoint_inflight", &[]) == Some(0.0)
    });
}

/// Waits until so many endpoints of the first cluster get traffic.
pub(crate) fn await_ready(edge: &mut Edge, count: usize) {
    let what = format!("{count} endpoints are ready");
    edge.await_true(&what, |edge| {
        edge.metric("lb_cluster_ready_endpoints", &[r#"cluster="web""#]) == Some(count as f64)
    });
}

/// Sum of a counter, 0 when it never counted.
pub(crate) fn counted(edge: &Edge, family: &str, labels: &[&str]) -> f64 {
    edge.metric(family, labels).unwrap_or(0.0)
}
