//! Where endpoints come from. A source tells the whole set of one cluster on each pass; the
//! caller decides when to pass, and keeps the set it has when a pass fails.

mod address;
pub mod record;
mod stats;
mod resolve;
mod registry;
mod catalog;
mod fixed;
mod redis;

pub use self::stats::RegistryStats;

use self::{fixed::FixedSource, redis::RedisSource};
use async_trait::async_trait;
use lb_policy::{endpoint::EndpointId, telemetry::LoadReport};
use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

/// The longest that one pass of any source takes. The first pass holds up the listeners, so
/// this is also the longest that a dead registry delays a start.
pub const PASS_LIMIT: Duration = Duration::from_secs(2);

/// One endpoint as its source declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its identity, `host:port` as declared. Unique within one set.
    pub id: EndpointId,
    /// Where to connect, with any host name resolved.
    pub address: SocketAddr,
    /// Relative share of traffic, 1 to 1000.
    pub weight: u32,
    /// Whether it wants traffic. `true` proves nothing: health checks decide.
    pub enabled: bool,
    /// Load that the source tells of it; present only in the first pass after the record
    /// changed, so that a report nobody renews grows old.
    pub load: Option<LoadReport>,
    /// Path and query of its health check where the source knows them, starting with `/`.
    pub health_path: Option<String>,
}

/// A source of endpoints.
#[async_trait]
pub trait Source: Send + Sync {
    /// Makes one pass and returns the whole set, within [`PASS_LIMIT`].
    ///
    /// # Errors
    /// The pass says nothing about the endpoints: keep the last set. A source that gives up
    /// records because they have grown too old answers with the smaller set instead.
    async fn discover(&self) -> Result<Vec<Declared>, DiscoveryError>;

    /// Returns when a pass is due before its time, at most 10 times a second; pends for ever
    /// by default. Dropping the future loses nothing.
    async fn changed(&self) {
        std::future::pending().await
    }

    /// What a registry source counts; `None` for a source without a registry.
    fn registry_stats(&self) -> Option<Arc<RegistryStats>> {
        None
    }
}

/// Why a pass told nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The settings cannot work; trying again does not help.
    #[error("registry address is not usable: {0}")]
    Settings(String),
    /// No connection to the registry.
    #[error("registry cannot be reached: {0}")]
    Unreachable(String),
    /// Connecting failed before and is tried again after this time.
    #[error("registry cannot be reached, next attempt in {} ms", .0.as_millis())]
    BackingOff(Duration),
    /// The registry was reached, but gave an error or something that is not an answer.
    #[error("registry gave no usable answer: {0}")]
    Answer(String),
    /// No complete answer within [`PASS_LIMIT`].
    #[error("registry gave no complete answer within {} ms", PASS_LIMIT.as_millis())]
    TimedOut,
}

/// What a source is built from. Two equal settings mean the same source, so a reload can
/// carry it over together with the set it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settings {
    /// Endpoints written in the configuration.
    Fixed(Vec<FixedEndpoint>),
    /// Endpoints that register themselves in Redis.
    Redis(RedisSettings),
}

/// One endpoint of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedEndpoint {
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Relative share of traffic, 1 to 1000.
    pub weight: u32,
}

/// How to find one service in Redis.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://[user:password@]host[:port][/db]`, Redis 6 or later. A pass looks at every key
    /// of the database and must end within [`PASS_LIMIT`], so one with a million other keys is no
    /// place for a registry: give it a `/db` of its own.
    pub url: String,
    /// The service, as in the keys `service:{service}:{instance}`.
    pub service: String,
    /// How long a record counts after it was last seen, once the registry fails or is empty.
    pub max_age: Duration,
}

/// Builds the source that `settings` describe. Connects nowhere yet.
///
/// # Errors
/// [`DiscoveryError::Settings`] when the address of the registry is not one.
pub fn build(settings: &Settings) -> Result<Box<dyn Source>, DiscoveryError> {
    match settings {
        Settings::Fixed(endpoints) => Ok(Box::new(FixedSource::new(endpoints))),
        Settings::Redis(redis) => Ok(Box::new(RedisSource::new(redis)?)),
    }
}

impl fmt::Debug for RedisSettings {
    /// Leaves out the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("service", &self.service)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod contract;
