//! Reads routes, and checks that each leads to a cluster and matches what no other does.

use super::{
    Cluster, Route,
    cursor::{Fields, Place, hint},
    read_text::{Once, host_pattern, name, path_prefix},
};
use std::collections::HashSet;

/// Reads the list under `routes`.
pub(super) fn routes(file: &Fields<'_>, clusters: &[Cluster]) -> Vec<Route> {
    let Some(list) = file.required("routes") else {
        return Vec::new();
    };
    if list.is_empty() {
        list.problem("needs at least one route");
    }
    let mut reader = Reader {
        clusters: clusters
            .iter()
            .map(|cluster| cluster.name.as_str())
            .collect(),
        names: Once::new(),
        matches: Once::new(),
    };
    let routes = list.items().enumerate();
    routes
        .map(|(index, place)| reader.route(index, &place))
        .collect()
}

struct Reader<'a> {
    clusters: HashSet<&'a str>,
    names: Once<String>,
    /// A host (none: any) with a path prefix.
    matches: Once<(Option<String>, String)>,
}

impl Reader<'_> {
    fn route(&mut self, index: usize, place: &Place<'_>) -> Route {
        let fields = place.fields();
        let (hosts, path_prefix) = self.matched(&fields);
        let name = match fields.get("name") {
            Some(name_place) => {
                let name = name(&name_place);
                self.names.check(name.clone(), &name_place);
                name
            }
            None => {
                let name = format!("route-{index}");
                self.names.check(name.clone(), place);
                name
            }
        };
        Route {
            name,
            strip_prefix: strip_prefix(&fields, &path_prefix),
            cluster: self.cluster(&fields),
            hosts,
            path_prefix,
        }
    }

    fn matched(&mut self, route: &Fields<'_>) -> (Vec<String>, String) {
        let Some(place) = route.required("match") else {
            return Default::default();
        };
        let fields = place.fields();
        let (host, hosts) = (fields.get("host"), fields.get("hosts"));
        let prefix = fields.get("path_prefix");
        match (&host, &hosts, &prefix) {
            (None, None, None) => place.problem("needs a host, hosts or a path_prefix"),
            (Some(_), Some(_), _) => place.problem("takes host or hosts, not both"),
            _ => {}
        }
        if hosts.as_ref().is_some_and(Place::is_empty) {
            place.problem("hosts is empty: leave it out to match any");
        }
        let written = prefix.as_ref().map(path_prefix);
        let prefix = written.unwrap_or_else(|| Some("/".to_owned()));
        let places: Vec<_> = match hosts {
            Some(list) => list.items().collect(),
            None => host.into_iter().collect(),
        };
        (
            self.hosts(&places, &place, prefix.as_deref()),
            prefix.unwrap_or_default(),
        )
    }

    /// Reads the hosts; where the prefix is good, each pair of host and prefix must be new.
    fn hosts(
        &mut self,
        places: &[Place<'_>],
        whole: &Place<'_>,
        prefix: Option<&str>,
    ) -> Vec<String> {
        let mut check = |host: Option<String>, place: &Place<'_>| {
            if let Some(prefix) = prefix {
                self.matches.check((host, prefix.to_owned()), place);
            }
        };
        if places.is_empty() {
            check(None, whole);
        }
        let mut hosts = Vec::new();
        for place in places {
            if let Some(host) = host_pattern(place) {
                check(Some(host.clone()), place);
                hosts.push(host);
            }
        }
        hosts
    }

    fn cluster(&self, route: &Fields<'_>) -> String {
        let Some(place) = route.required("cluster") else {
            return String::new();
        };
        let name = place.text().unwrap_or_default();
        if !name.is_empty() && !self.clusters.contains(name) {
            let hint = hint(name, self.clusters.iter().copied());
            place.problem(format!("there is no such cluster{hint}"));
        }
        name.to_owned()
    }
}

/// Kept without its trailing `/`, so that what remains of a path starts with one.
fn strip_prefix(route: &Fields<'_>, path_prefix: &str) -> Option<String> {
    let place = route.get("strip_prefix")?;
    let strip = super::read_text::path_prefix(&place)?;
    let strip = strip.trim_end_matches('/');
    if strip.is_empty() {
        place.problem("strips nothing: leave it out");
        return None;
    }
    let rest = path_prefix.strip_prefix(strip);
    if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        place.problem("must be whole segments at the start of match.path_prefix");
    }
    Some(strip.to_owned())
}
