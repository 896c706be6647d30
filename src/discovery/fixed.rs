//! Endpoints written in the configuration, their host names resolved again on each pass.

use super::{
    Declared, DiscoveryError, FixedEndpoint, PASS_LIMIT, Source,
    resolve::{Lookup, Resolver, SystemLookup},
};
use async_trait::async_trait;
use lb_policy::endpoint::EndpointId;
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// A set that only changes by what its host names resolve to.
#[derive(Debug)]
pub(super) struct FixedSource {
    endpoints: Vec<FixedEndpoint>,
    names: BTreeSet<String>,
    resolver: Mutex<Resolver>,
}

impl FixedSource {
    pub(super) fn new(endpoints: &[FixedEndpoint]) -> Self {
        Self::with_lookup(endpoints, Arc::new(SystemLookup))
    }

    /// Takes any address a name resolves to: the configuration is trusted.
    pub(super) fn with_lookup(endpoints: &[FixedEndpoint], lookup: Arc<dyn Lookup>) -> Self {
        let is_name = |host: &&FixedEndpoint| host.host.parse::<IpAddr>().is_err();
        Self {
            endpoints: endpoints.to_vec(),
            names: endpoints
                .iter()
                .filter(is_name)
                .map(|name| name.host.clone())
                .collect(),
            resolver: Mutex::new(Resolver::new(lookup, Duration::ZERO, |_| true)),
        }
    }
}

#[async_trait]
impl Source for FixedSource {
    async fn discover(&self) -> Result<Vec<Declared>, DiscoveryError> {
        let mut resolver = self.resolver.lock().await;
        resolver
            .refresh(&self.names, Instant::now() + PASS_LIMIT)
            .await;
        Ok(self
            .endpoints
            .iter()
            .filter_map(|endpoint| declare(endpoint, &resolver))
            .collect())
    }
}

/// `None` for a name that has never resolved.
fn declare(endpoint: &FixedEndpoint, resolver: &Resolver) -> Option<Declared> {
    let address = match endpoint.host.parse() {
        Ok(address) => address,
        Err(_) => resolver.address(&endpoint.host)?,
    };
    Some(Declared {
        id: identity(endpoint),
        address: SocketAddr::new(address, endpoint.port),
        weight: endpoint.weight,
        enabled: true,
        load: None,
        health_path: None,
    })
}

fn identity(endpoint: &FixedEndpoint) -> EndpointId {
    let FixedEndpoint { host, port, .. } = endpoint;
    let is_v6 = host.contains(':');
    EndpointId::new(&if is_v6 {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::resolve::fake::FakeLookup, *};

    fn endpoint(host: &str, port: u16, weight: u32) -> FixedEndpoint {
        FixedEndpoint {
            host: host.to_owned(),
            port,
            weight,
        }
    }

    #[tokio::test]
    async fn addresses_need_no_look_up_and_keep_their_declared_form() {
        let lookup = Arc::new(FakeLookup::default());
        let declared = [endpoint("127.0.0.1", 9001, 1), endpoint("::1", 9002, 7)];
        let source = FixedSource::with_lookup(&declared, Arc::clone(&lookup) as Arc<dyn Lookup>);
        let set = source.discover().await.unwrap();
        let ids: Vec<_> = set.iter().map(|endpoint| endpoint.id.as_str()).collect();
        assert_eq!(ids, ["127.0.0.1:9001", "[::1]:9002"]);
        assert_eq!(set[1].address, "[::1]:9002".parse().unwrap());
        assert_eq!((set[0].weight, set[1].weight), (1, 7));
        assert_eq!(lookup.calls(), 0);
    }

    #[tokio::test]
    async fn a_name_is_left_out_until_it_resolves_and_keeps_its_identity_when_it_moves() {
        let lookup = Arc::new(FakeLookup::default());
        let declared = [
            endpoint("10.0.0.9", 80, 1),
            endpoint("cart.internal", 8082, 1),
        ];
        let source = FixedSource::with_lookup(&declared, Arc::clone(&lookup) as Arc<dyn Lookup>);
        assert_eq!(source.discover().await.unwrap().len(), 1);
        for address in ["10.0.0.1", "10.0.0.2"] {
            lookup.answer("cart.internal", &[address]);
            let set = source.discover().await.unwrap();
            assert_eq!(set[1].id.as_str(), "cart.internal:8082");
            assert_eq!(set[1].address, format!("{address}:8082").parse().unwrap());
        }
    }

    #[tokio::test]
    async fn the_systems_resolver_knows_localhost() {
        let source = FixedSource::new(&[endpoint("localhost", 9001, 1)]);
        let set = source.discover().await.unwrap();
        assert!(
            set[0].address.ip().is_loopback(),
            "localhost should be a loopback address"
        );
    }
}
