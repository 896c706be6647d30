//! Turns what a registry lists under a service's keys into the set of endpoints to believe:
//! parse, resolve, apply the rules of [`Registry`], count and log what is refused.

use super::{
    Declared,
    record::{Host, Malformed, Record},
    registry::{Key, Registry, Sight},
    resolve::Resolver,
    stats::RegistryStats,
};
use lb_policy::time::Timestamp;
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// Lines that one pass may log of refused records; the rest is counted.
const MAX_LOGGED_PER_PASS: usize = 16;
/// Bytes of a key that are logged.
const MAX_LOGGED_KEY: usize = 128;

/// What one pass read under one key.
#[derive(Debug)]
pub(super) struct Sighting {
    key: Key,
    digest: u64,
    outcome: Result<Record, Malformed>,
}

/// The records of one service, from sightings to endpoints.
#[derive(Debug)]
pub(super) struct Catalog {
    service: String,
    resolver: Resolver,
    registry: Registry,
    /// Why each key was refused in the latest answer, so that only changes are logged.
    refused: BTreeMap<Key, Malformed>,
    stats: Arc<RegistryStats>,
}

impl Catalog {
    pub(super) fn new(
        service: &str,
        max_age: Duration,
        resolver: Resolver,
        stats: Arc<RegistryStats>,
    ) -> Self {
        Self {
            service: service.to_owned(),
            resolver,
            registry: Registry::new(max_age),
            refused: BTreeMap::new(),
            stats,
        }
    }

    /// Reads the first bytes of a value, or takes the reason why there is none.
    pub(super) fn read(&self, key: &[u8], value: Result<&[u8], Malformed>) -> Sighting {
        Sighting {
            key: key.into(),
            digest: value.map(digest).unwrap_or_default(),
            outcome: value.and_then(|value| Record::parse(value, &self.service)),
        }
    }

    /// Takes in a complete answer at `now`; waits for host names until `deadline` at most.
    /// Returns the set to believe and the number of usable records in the answer.
    pub(super) async fn listed(
        &mut self,
        sightings: Vec<Sighting>,
        now: Timestamp,
        deadline: Instant,
    ) -> (Vec<Declared>, usize) {
        let names = sightings.iter().filter_map(Sighting::name).collect();
        self.resolver.refresh(&names, deadline).await;
        let mut sights = BTreeMap::new();
        let mut refused = BTreeMap::new();
        for Sighting {
            key,
            digest,
            outcome,
        } in sightings
        {
            let sight = match outcome.and_then(|record| self.declare(record)) {
                Ok(declared) => Sight::Usable { declared, digest },
                Err(reason) => {
                    refused.insert(key.clone(), reason);
                    Sight::Unusable
                }
            };
            sights.insert(key, sight);
        }
        let usable = sights.len() - refused.len();
        self.note_refused(refused);
        (self.registry.listed(sights, now), usable)
    }

    /// Notes a pass without an answer; see [`Registry::failed`].
    pub(super) fn failed(&mut self, now: Timestamp) -> Option<Vec<Declared>> {
        self.registry.failed(now)
    }

    /// Notes a lost connection; see [`Registry::interrupted`].
    pub(super) fn interrupted(&mut self) {
        self.registry.interrupted();
    }

    fn declare(&self, record: Record) -> Result<Declared, Malformed> {
        let address = match &record.host {
            Host::Address(address) => *address,
            Host::Name(name) => self.resolver.address(name).ok_or(Malformed::Unresolved)?,
        };
        Ok(Declared {
            id: record.id(),
            address: SocketAddr::new(IpAddr::to_canonical(&address), record.port),
            weight: record.weight,
            enabled: record.enabled,
            load: record.load,
            health_path: record.health_path,
        })
    }

    fn note_refused(&mut self, refused: BTreeMap<Key, Malformed>) {
        let mut changed = Vec::new();
        for (key, reason) in &refused {
            self.stats.refused(*reason);
            if self.refused.get(key) != Some(reason) {
                changed.push((key, *reason));
            }
        }
        for (key, reason) in changed.iter().take(MAX_LOGGED_PER_PASS) {
            log::warn!(
                "registry record refused key={} reason={}",
                loggable(key),
                reason.label()
            );
        }
        if changed.len() > MAX_LOGGED_PER_PASS {
            let more = changed.len() - MAX_LOGGED_PER_PASS;
            log::warn!(
                "more registry records refused service={} count={more}",
                self.service
            );
        }
        self.refused = refused;
    }
}

impl Sighting {
    fn name(&self) -> Option<String> {
        match self.outcome.as_ref().ok()?.host {
            Host::Name(ref name) => Some(name.clone()),
            Host::Address(_) => None,
        }
    }
}

fn digest(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The beginning of a key, with everything but printable ASCII escaped: it stands in a log line.
fn loggable(key: &[u8]) -> String {
    let shown = &key[..key.len().min(MAX_LOGGED_KEY)];
    let mut text = shown.escape_ascii().to_string().replace(' ', "\\x20");
    text.truncate(MAX_LOGGED_KEY);
    text
}

#[cfg(test)]
mod tests;
