//! What one configuration builds, as one value: routes, filters and clusters. A request
//! takes it once and keeps it to its end, so that a reload never mixes generations.

use crate::{
    balance::Balancer,
    config::{Config, Route},
    filter::Chain,
};
use arc_swap::ArcSwap;
use lb_policy::request::Class;
use std::{collections::HashMap, sync::Arc};

/// The topology that serves now.
pub type SharedTopology = Arc<ArcSwap<Topology>>;

/// One generation of routes, filters and clusters.
#[derive(Debug)]
pub struct Topology {
    generation: u64,
    config: Arc<Config>,
    filters: Chain,
    router: Router,
    balancers: Vec<Arc<Balancer>>,
}

/// A route together with its place in the topology.
#[derive(Debug)]
pub struct RouteEntry {
    /// Name for logs and metrics.
    pub name: String,
    /// Class of its requests.
    pub class: Class,
    /// Index of its cluster.
    pub cluster: usize,
    /// Prefix taken off before forwarding, without a slash at its end.
    pub strip_prefix: Option<String>,
    /// Index within the configuration; metrics of a topology are kept by it.
    pub index: usize,
    path_prefix: String,
}

impl Topology {
    /// Puts the parts together; `balancers` are in the order of `config`'s clusters.
    pub fn new(generation: u64, config: Arc<Config>, balancers: Vec<Arc<Balancer>>) -> Self {
        let filters = Chain::new(&config.runtime);
        let router = Router::new(&config);
        Self {
            generation,
            config,
            filters,
            router,
            balancers,
        }
    }

    /// Counts successful loads of the configuration, from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Steps before routing.
    pub fn filters(&self) -> &Chain {
        &self.filters
    }

    /// All clusters.
    pub fn balancers(&self) -> &[Arc<Balancer>] {
        &self.balancers
    }

    /// The cluster of a route.
    pub fn balancer(&self, route: &RouteEntry) -> &Arc<Balancer> {
        &self.balancers[route.cluster]
    }

    /// The route with that index in the configuration.
    pub fn route_at(&self, index: usize) -> &RouteEntry {
        &self.router.routes[index]
    }

    /// The route for a request; `host` without its port, `path` without the query.
    pub fn route(&self, host: &str, path: &str) -> Option<&RouteEntry> {
        self.router.find(host, path)
    }
}

/// Routes by host, each list with its longest prefix first.
#[derive(Debug, Default)]
struct Router {
    routes: Vec<RouteEntry>,
    exact: HashMap<String, Vec<usize>>,
    /// Suffixes such as `.example.org`, the longest first.
    wildcards: Vec<(String, Vec<usize>)>,
    any_host: Vec<usize>,
}

impl Router {
    fn new(config: &Config) -> Self {
        let mut router = Self::default();
        for (index, route) in config.runtime.routes.iter().enumerate() {
            router.routes.push(entry(config, route, index));
            router.add_hosts(route, index);
        }
        router.sort();
        router
    }

    fn add_hosts(&mut self, route: &Route, index: usize) {
        if route.hosts.is_empty() {
            self.any_host.push(index);
        }
        for host in &route.hosts {
            match host.strip_prefix('*') {
                Some(suffix) => {
                    match self.wildcards.iter_mut().find(|(known, _)| known == suffix) {
                        Some((_, list)) => list.push(index),
                        None => self.wildcards.push((suffix.to_owned(), vec![index])),
                    }
                }
                None => self.exact.entry(host.clone()).or_default().push(index),
            }
        }
    }

    fn sort(&mut self) {
        let routes = &self.routes;
        let longest_first = |list: &mut Vec<usize>| {
            list.sort_by_key(|&index| std::cmp::Reverse(routes[index].path_prefix.len()));
        };
        self.exact.values_mut().for_each(longest_first);
        self.wildcards
            .iter_mut()
            .for_each(|(_, list)| longest_first(list));
        longest_first(&mut self.any_host);
        self.wildcards
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
    }

    /// The most specific host that has a matching path: exact, then the longest wildcard,
    /// then routes for any host.
    fn find(&self, host: &str, path: &str) -> Option<&RouteEntry> {
        let lowered;
        let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lowered = host.to_ascii_lowercase();
            lowered.as_str()
        } else {
            host
        };
        let exact = if self.exact.is_empty() {
            None
        } else {
            self.exact.get(host)
        };
        let wildcards = self
            .wildcards
            .iter()
            .filter(|(suffix, _)| host.ends_with(suffix.as_str()));
        exact
            .into_iter()
            .chain(wildcards.map(|(_, list)| list))
            .chain([&self.any_host])
            .find_map(|list| self.find_in(list, path))
    }

    fn find_in(&self, list: &[usize], path: &str) -> Option<&RouteEntry> {
        list.iter()
            .map(|&index| &self.routes[index])
            .find(|route| is_below(path, &route.path_prefix))
    }
}

/// Whether `path` starts with `prefix` on a segment boundary: `/a` matches `/a` and `/a/b`
/// but not `/ab`, and `/a/` matches `/a/b` but not `/a`.
fn is_below(path: &str, prefix: &str) -> bool {
    let at_boundary =
        |rest: &str| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/');
    path.strip_prefix(prefix).is_some_and(at_boundary)
}

fn entry(config: &Config, route: &Route, index: usize) -> RouteEntry {
    let cluster = config
        .runtime
        .clusters
        .iter()
        .position(|cluster| cluster.name == route.cluster);
    RouteEntry {
        name: route.name.clone(),
        class: Class::of_route(index),
        cluster: cluster.expect("the configuration was checked: every route's cluster exists"),
        strip_prefix: route.strip_prefix.clone(),
        index,
        path_prefix: route.path_prefix.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&[&str], &str)]) -> Router {
        let clusters = "clusters: [{ name: c, discovery: { static: { endpoints: [{ address: 127.0.0.1:1 }] } } }]";
        let lines: Vec<_> = routes
            .iter()
            .map(|(hosts, prefix)| {
                let hosts = if hosts.is_empty() {
                    String::new()
                } else {
                    format!("hosts: {hosts:?}, ")
                };
                format!("  - {{ match: {{ {hosts}path_prefix: {prefix} }}, cluster: c }}")
            })
            .collect();
        let text = format!(
            "admin: {{ address: 127.0.0.1:0 }}\nlisteners: [{{ address: 127.0.0.1:0 }}]\n{clusters}\nroutes:\n{}\n",
            lines.join("\n")
        );
        let config = crate::config::parse(&text, "test", &|_| None)
            .unwrap_or_else(|errors| panic!("{errors}"));
        Router::new(&config)
    }

    fn found(router: &Router, host: &str, path: &str) -> Option<usize> {
        router.find(host, path).map(|route| route.index)
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let router = router(&[(&[], "/"), (&[], "/api/users"), (&[], "/api")]);
        assert_eq!(found(&router, "h", "/api/users/7"), Some(1));
        assert_eq!(found(&router, "h", "/api/carts"), Some(2));
        assert_eq!(found(&router, "h", "/"), Some(0));
    }

    #[test]
    fn a_prefix_matches_on_segment_boundaries_only() {
        let router = router(&[(&[], "/api"), (&[], "/shop/")]);
        assert_eq!(found(&router, "h", "/api"), Some(0));
        assert_eq!(found(&router, "h", "/api/"), Some(0));
        assert_eq!(found(&router, "h", "/apis"), None);
        assert_eq!(found(&router, "h", "/shop"), None);
        assert_eq!(found(&router, "h", "/shop/x"), Some(1));
        assert_eq!(found(&router, "h", "/shopping"), None);
    }

    #[test]
    fn an_exact_host_beats_a_wildcard_and_a_wildcard_beats_any() {
        let router = router(&[
            (&[], "/"),
            (&["*.example.org"], "/"),
            (&["a.example.org"], "/"),
        ]);
        assert_eq!(found(&router, "A.Example.org", "/x"), Some(2));
        assert_eq!(found(&router, "b.example.org", "/x"), Some(1));
        assert_eq!(found(&router, "example.org", "/x"), Some(0));
    }

    #[test]
    fn a_host_without_a_matching_path_falls_through_to_the_less_specific() {
        let router = router(&[(&[], "/"), (&["a.example.org"], "/api")]);
        assert_eq!(found(&router, "a.example.org", "/other"), Some(0));
    }
}
