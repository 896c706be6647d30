//! Reads service records from Redis: `SCAN`, bounded `GETRANGE`, and a subscription that calls
//! for early passes, all on one connection. This module alone names the Redis client.

mod link;

use self::link::{Link, printable};
use super::{
    Declared, DiscoveryError, PASS_LIMIT, RedisSettings, Source,
    address::is_allowed,
    catalog::{Catalog, Sighting},
    record::{MAX_RECORD_BYTES, Malformed},
    registry::MAX_RECORDS,
    resolve::{Resolver, SystemLookup},
    stats::RegistryStats,
};
use async_trait::async_trait;
use lb_policy::time::Timestamp;
use redis::{ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{Mutex, Notify},
    task::yield_now,
    time::{Instant, sleep_until, timeout_at},
};

/// At most ten early passes a second.
const MIN_EVENT_SPACING: Duration = Duration::from_millis(100);
/// Keys of any kind that Redis looks at in the first `SCAN` of a pass: some 100 µs of its time.
const FIRST_SCAN_COUNT: u32 = 500;
/// The same for later ones, reached by doubling: about 1 ms of its time. Halves the time to scan
/// 100 000 keys, which is mostly round trips at 500.
const MAX_SCAN_COUNT: u32 = 4000;
/// Values in flight at once; bounds the memory of a pass to this many times 64 KiB.
const VALUES_PER_PIPELINE: usize = 32;
/// Longer than any key a service writes.
const MAX_KEY_BYTES: usize = 512;
/// How often a record's host name is looked up; the system's resolver may not cache.
const NAME_REFRESH: Duration = Duration::from_secs(5);

/// Finds the endpoints of one service.
pub(super) struct RedisSource {
    pattern: String,
    started: Instant,
    stats: Arc<RegistryStats>,
    event: Arc<Notify>,
    latest_event: Mutex<Option<Instant>>,
    state: Mutex<State>,
}

struct State {
    link: Link,
    catalog: Catalog,
    has_excess: bool,
}

/// Keys found by a scan.
#[derive(Default)]
struct Keys {
    kept: BTreeSet<Vec<u8>>,
    excess: u64,
}

impl RedisSource {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, DiscoveryError> {
        let stats = Arc::new(RegistryStats::default());
        let event = Arc::new(Notify::new());
        let resolver = Resolver::new(Arc::new(SystemLookup), NAME_REFRESH, is_allowed);
        let catalog = Catalog::new(
            &settings.service,
            settings.max_age,
            resolver,
            Arc::clone(&stats),
        );
        let link = Link::new(&settings.url, Arc::clone(&event), Arc::clone(&stats))?;
        Ok(Self {
            pattern: format!("service:{}:*", escape_glob(&settings.service)),
            started: Instant::now(),
            stats,
            event,
            latest_event: Mutex::new(None),
            state: Mutex::new(State {
                link,
                catalog,
                has_excess: false,
            }),
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.started.elapsed()
    }

    /// Reads every record. A connection that broke since the last pass only shows now, so it
    /// is replaced once.
    async fn read(&self, state: &mut State) -> Result<Vec<Sighting>, DiscoveryError> {
        let is_reused = state.link.is_open();
        match self.read_once(state).await {
            Err(DiscoveryError::Unreachable(_)) if is_reused => {
                state.link.close();
                state.catalog.interrupted();
                self.read_once(state).await
            }
            result => result,
        }
    }

    async fn read_once(&self, state: &mut State) -> Result<Vec<Sighting>, DiscoveryError> {
        let connection = state.link.connect().await?;
        let keys = scan(connection, &self.pattern).await.map_err(describe)?;
        let sightings = fetch(connection, &keys.kept, &state.catalog)
            .await
            .map_err(describe)?;
        self.note_excess(keys.excess, &mut state.has_excess);
        Ok(sightings)
    }

    fn note_excess(&self, excess: u64, had_excess: &mut bool) {
        self.stats.passed_over(excess);
        if excess > 0 && !*had_excess {
            log::warn!(
                "too many registry keys pattern={:?} passed_over={excess}",
                self.pattern
            );
        }
        *had_excess = excess > 0;
    }
}

#[async_trait]
impl Source for RedisSource {
    async fn discover(&self) -> Result<Vec<Declared>, DiscoveryError> {
        let mut state = self.state.lock().await;
        let deadline = Instant::now() + PASS_LIMIT;
        self.stats.scan_begun();
        let read = timeout_at(deadline, self.read(&mut state)).await;
        match read.unwrap_or(Err(DiscoveryError::TimedOut)) {
            Ok(sightings) => {
                let (set, usable) = state.catalog.listed(sightings, self.now(), deadline).await;
                self.stats.scan_answered(usable, SystemTime::now());
                Ok(set)
            }
            Err(error) => {
                self.stats.scan_failed();
                state.link.close();
                let Some(rest) = state.catalog.failed(self.now()) else {
                    return Err(error);
                };
                log::warn!(
                    "registry records aged out remaining={} problem={error}",
                    rest.len()
                );
                Ok(rest)
            }
        }
    }

    async fn changed(&self) {
        let mut latest = self.latest_event.lock().await;
        if let Some(latest) = *latest {
            sleep_until(latest + MIN_EVENT_SPACING).await;
        }
        self.event.notified().await;
        *latest = Some(Instant::now());
    }

    fn registry_stats(&self) -> Option<Arc<RegistryStats>> {
        Some(Arc::clone(&self.stats))
    }
}

/// Finds the service's keys. Of too many it keeps the first in order, which are the same ones
/// on each pass.
async fn scan(connection: &mut MultiplexedConnection, pattern: &str) -> RedisResult<Keys> {
    let mut keys = Keys::default();
    let mut cursor = 0_u64;
    let mut count = FIRST_SCAN_COUNT;
    loop {
        let mut command = redis::cmd("SCAN");
        command
            .arg(cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(count);
        let (next, page): (u64, Vec<Vec<u8>>) = command.query_async(connection).await?;
        for key in page {
            keys.add(key);
        }
        if next == 0 {
            return Ok(keys);
        }
        cursor = next;
        count = (count * 2).min(MAX_SCAN_COUNT);
    }
}

impl Keys {
    fn add(&mut self, mut key: Vec<u8>) {
        // One byte more than allowed is enough to see that it is too long.
        key.truncate(MAX_KEY_BYTES + 1);
        self.kept.insert(key);
        if self.kept.len() > MAX_RECORDS {
            self.kept.pop_last();
            self.excess += 1;
        }
    }
}

/// Reads the first bytes of every value, some at a time, and parses them at once so that the
/// values need not be kept.
async fn fetch(
    connection: &mut MultiplexedConnection,
    keys: &BTreeSet<Vec<u8>>,
    catalog: &Catalog,
) -> RedisResult<Vec<Sighting>> {
    let (keys, too_long): (Vec<_>, Vec<_>) = keys.iter().partition(|k| k.len() <= MAX_KEY_BYTES);
    let mut sightings: Vec<_> = too_long
        .iter()
        .map(|key| catalog.read(key, Err(Malformed::Key)))
        .collect();
    for batch in keys.chunks(VALUES_PER_PIPELINE) {
        let mut pipeline = redis::pipe();
        for key in batch {
            pipeline
                .cmd("GETRANGE")
                .arg(key)
                .arg(0)
                .arg(MAX_RECORD_BYTES - 1);
        }
        let values: Vec<RedisResult<Vec<u8>>> =
            pipeline.ignore_errors().query_async(connection).await?;
        for (key, value) in batch.iter().zip(values) {
            sightings.extend(sighting(key, value, catalog)?);
            // A full record takes about a millisecond to parse, and others use this thread.
            yield_now().await;
        }
    }
    Ok(sightings)
}

/// `None` for a key that went away between scan and read.
fn sighting(
    key: &[u8],
    value: RedisResult<Vec<u8>>,
    catalog: &Catalog,
) -> RedisResult<Option<Sighting>> {
    match value {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(catalog.read(key, Ok(&value)))),
        Err(error) if error.code() == Some("WRONGTYPE") => {
            Ok(Some(catalog.read(key, Err(Malformed::Kind))))
        }
        Err(error) => Err(error),
    }
}

fn describe(error: RedisError) -> DiscoveryError {
    if error.kind() == ErrorKind::Io {
        DiscoveryError::Unreachable(printable(&error))
    } else {
        DiscoveryError::Answer(printable(&error))
    }
}

/// The name with a backslash before each character that means something in a glob pattern.
fn escape_glob(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '^' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_characters_in_a_service_name_are_escaped() {
        assert_eq!(escape_glob("user-service"), "user-service");
        assert_eq!(escape_glob(r"a*b?[c]\^"), r"a\*b\?\[c\]\\\^");
    }

    #[test]
    fn too_many_keys_are_counted_and_the_same_ones_kept() {
        let mut keys = Keys::default();
        for number in (0..MAX_RECORDS + 3).rev() {
            keys.add(format!("service:a:{number:06}").into_bytes());
        }
        assert_eq!((keys.kept.len(), keys.excess), (MAX_RECORDS, 3));
        assert!(keys.kept.contains(b"service:a:000000".as_slice()));
    }
}
