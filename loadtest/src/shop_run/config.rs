//! The proxy's configuration of a run.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::processes::config_text;
use crate::shop_run::setting::{CART_POLICIES, SERVICES};

/// Where the proxy finds the instances of a service.
#[derive(Clone, Debug)]
pub(crate) enum Endpoints {
    /// In the registry at that URL.
    Registry(String),
    /// At fixed addresses.
    Static(Vec<SocketAddr>),
}

/// What the configuration is made of.
#[derive(Clone, Debug)]
pub(crate) struct Layout<'a> {
    /// Folder of the run.
    pub(crate) folder: &'a Path,
    pub(crate) proxy: SocketAddr,
    pub(crate) model: &'a Path,
    /// For each of [`SERVICES`].
    pub(crate) endpoints: Vec<Endpoints>,
}

/// Paths that belong to each of [`SERVICES`].
const PATHS: [&[&str]; 6] = [
    &["/api/users"],
    &["/api/cart"],
    &["/api/orders"],
    &["/api/inventory"],
    &["/api/payments"],
    &["/api/notifications", "/api/templates", "/api/preferences"],
];

/// The cluster of the carts that a policy chooses in.
pub(crate) fn cart_cluster(policy: &str) -> String {
    format!("cart-{}", policy.replace('_', "-"))
}

/// The Host header that leads to [`cart_cluster`].
pub(crate) fn host(policy: &str) -> String {
    format!("{}.shop.example", policy.replace('_', "-"))
}

/// JSON, which is YAML.
pub(crate) fn config(layout: &Layout) -> Value {
    json!({
        "admin": { "address": "127.0.0.1:0" },
        "listeners": [{ "address": layout.proxy }],
        "threads": 2,
        "upgrade": {
            "socket": layout.folder.join("upgrade.sock"),
            "pid_file": layout.folder.join("pid"),
        },
        "access_log": "off",
        "clusters": clusters(layout),
        "routes": routes(),
    })
}

fn clusters(layout: &Layout) -> Vec<Value> {
    let services = SERVICES.iter().zip(&layout.endpoints);
    let plain = services.map(|((service, _), endpoints)| {
        let policy = json!({ "type": "peak_ewma" });
        cluster(service, service, endpoints, policy)
    });
    let carts = &layout.endpoints[1];
    let by_policy = CART_POLICIES.iter().map(|policy| {
        let settings = policy_settings(policy, layout.model);
        cluster(&cart_cluster(policy), "cart", carts, settings)
    });
    plain.chain(by_policy).collect()
}

fn cluster(name: &str, service: &str, endpoints: &Endpoints, policy: Value) -> Value {
    let discovery = match endpoints {
        Endpoints::Registry(url) => json!({ "redis": {
            "url": url, "service": format!("{service}-service"), "interval": "500ms",
        } }),
        Endpoints::Static(addresses) => {
            let endpoints: Vec<Value> = addresses.iter().map(|a| json!({ "address": a })).collect();
            json!({ "static": { "endpoints": endpoints } })
        }
    };
    json!({
        "name": name,
        "discovery": discovery,
        "health_check": {
            "path": "/actuator/health", "interval": "1s", "timeout": "500ms",
            "healthy_threshold": 2, "unhealthy_threshold": 2,
        },
        "retry": { "attempts": 2, "statuses": [502, 503, 504] },
        "policy": policy,
    })
}

fn policy_settings(policy: &str, model: &Path) -> Value {
    match policy {
        "learned" => json!({ "type": "onnx", "model": config_text(&model.display().to_string()) }),
        hand_written => json!({ "type": hand_written }),
    }
}

/// The carts of a host before those of all.
fn routes() -> Vec<Value> {
    let of_host = CART_POLICIES.iter().map(|policy| {
        json!({
            "name": cart_cluster(policy),
            "match": { "host": host(policy), "path_prefix": "/api/cart" },
            "cluster": cart_cluster(policy),
        })
    });
    let of_all = SERVICES
        .iter()
        .zip(PATHS)
        .flat_map(|((service, _), paths)| {
            paths.iter().map(move |path| {
                json!({
                    "name": path.trim_start_matches("/api/"),
                    "match": { "path_prefix": path },
                    "cluster": service,
                })
            })
        });
    of_host.chain(of_all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carts_have_a_cluster_for_each_policy_before_the_plain_one() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let config = config(&Layout {
            folder: Path::new("/tmp/x"),
            proxy: address,
            model: Path::new("models/$m"),
            endpoints: vec![Endpoints::Static(vec![address; 3]); SERVICES.len()],
        });
        let routes = config["routes"].as_array().unwrap();
        let first = routes.iter().find(|route| {
            let prefix = &route["match"]["path_prefix"];
            prefix == "/api/cart" && route["match"]["host"].is_null()
        });
        assert_eq!(first.unwrap()["cluster"], "cart");
        assert_eq!(routes[0]["match"]["host"], "learned.shop.example");
        let clusters = config["clusters"].as_array().unwrap();
        assert_eq!(clusters.len(), SERVICES.len() + CART_POLICIES.len());
        let learned = clusters.iter().find(|c| c["name"] == "cart-learned");
        assert_eq!(learned.unwrap()["policy"]["model"], "models/$$m");
    }

    #[test]
    fn a_registry_is_asked_for_the_whole_name_of_a_service() {
        let registry = Endpoints::Registry("redis://h:1".into());
        let cluster = cluster("cart", "cart", &registry, json!({}));
        let redis = &cluster["discovery"]["redis"];
        assert_eq!(redis["service"], "cart-service");
    }
}
