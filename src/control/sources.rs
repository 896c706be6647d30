//! Sources of endpoints, carried over from topology to topology while their settings stay
//! the same: a registry source knows endpoints that the registry may have forgotten.

use crate::{
    config,
    discovery::{self, DiscoveryError, FixedEndpoint, RedisSettings, Settings, Source},
    upstream::Cluster,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// By name of the cluster.
type Book = HashMap<String, (Settings, Arc<dyn Source>)>;

/// The sources in use, by cluster.
#[derive(Default)]
pub struct SourceBook {
    by_cluster: Mutex<Book>,
}

impl fmt::Debug for SourceBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceBook").finish_non_exhaustive()
    }
}

impl SourceBook {
    /// The source for `cluster`, and whether the cluster of that name has the same endpoints
    /// now, told by this source or by another registry.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub(super) fn source(
        &self,
        cluster: &config::Cluster,
    ) -> Result<(Arc<dyn Source>, bool), DiscoveryError> {
        let settings = settings_of(&cluster.discovery);
        let book = self.lock();
        let known = book.get(&cluster.name);
        match known {
            Some((known, source)) if *known == settings => Ok((Arc::clone(source), true)),
            _ => {
                let is_known = known.is_some_and(|(known, _)| same_service(known, &settings));
                Ok((Arc::from(discovery::build(&settings)?), is_known))
            }
        }
    }

    /// Keeps the sources of the topology that serves now, and no others.
    pub(super) fn keep<'a>(&self, in_use: impl Iterator<Item = (&'a Cluster, Arc<dyn Source>)>) {
        let entry = |(cluster, source): (&Cluster, _)| {
            (
                cluster.name().to_owned(),
                (settings_of(&cluster.settings().discovery), source),
            )
        };
        *self.lock() = in_use.map(entry).collect();
    }

    /// Counters of registry sources, with the name of their cluster.
    pub(super) fn registries(&self) -> Vec<(String, Arc<discovery::RegistryStats>)> {
        let book = self.lock();
        let stats = book
            .iter()
            .filter_map(|(name, (_, source))| Some((name.clone(), source.registry_stats()?)));
        stats.collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book> {
        self.by_cluster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether both find the instances of one service: a registry that is reached in another way
/// and does not answer yet takes no endpoint away.
fn same_service(one: &Settings, other: &Settings) -> bool {
    match (one, other) {
        (Settings::Redis(one), Settings::Redis(other)) => one.service == other.service,
        _ => false,
    }
}

fn settings_of(discovery: &config::Discovery) -> Settings {
    match discovery {
        config::Discovery::Static { endpoints } => {
            Settings::Fixed(endpoints.iter().map(fixed).collect())
        }
        config::Discovery::Redis(redis) => Settings::Redis(RedisSettings {
            url: redis.url.expose().to_owned(),
            service: redis.service.clone(),
            max_age: redis.max_age,
        }),
    }
}

fn fixed(endpoint: &config::Endpoint) -> FixedEndpoint {
    let (host, port) = (endpoint.address.host().to_owned(), endpoint.address.port());
    FixedEndpoint {
        host,
        port,
        weight: endpoint.weight,
    }
}
