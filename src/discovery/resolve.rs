//! Resolves host names off the hot path, and keeps the last answer when a look-up fails.

use async_trait::async_trait;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt, io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

/// Look-ups at the same time. Each one blocks a thread for as long as the system's resolver
/// likes, which can be half a minute.
const MAX_LOOKUPS: usize = 16;

/// Looks a host name up.
#[async_trait]
pub(super) trait Lookup: Send + Sync {
    /// Every address of `host`, at least one.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug)]
pub(super) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let answers = tokio::net::lookup_host((host, 0)).await?;
        Ok(answers.map(|answer| answer.ip()).collect())
    }
}

/// Remembers the address of every name it was last asked for.
pub(super) struct Resolver {
    lookup: Arc<dyn Lookup>,
    accepts: fn(IpAddr) -> bool,
    refresh: Duration,
    names: HashMap<String, Name>,
    lookups: JoinSet<(String, io::Result<Vec<IpAddr>>)>,
}

#[derive(Debug, Default)]
struct Name {
    address: Option<IpAddr>,
    asked_at: Option<Instant>,
    is_pending: bool,
    is_failing: bool,
}

impl Resolver {
    /// Looks names up through `lookup`, each one again after `refresh`, and takes only addresses
    /// that `accepts` agrees to.
    pub(super) fn new(
        lookup: Arc<dyn Lookup>,
        refresh: Duration,
        accepts: fn(IpAddr) -> bool,
    ) -> Self {
        Self {
            lookup,
            accepts,
            refresh,
            names: HashMap::new(),
            lookups: JoinSet::new(),
        }
    }

    /// Makes `wanted` the names to know, looks up those that are due and waits for that until
    /// `deadline`. A look-up that takes longer goes on, and a later call takes its answer; no
    /// call waits for the look-ups of an earlier one.
    pub(super) async fn refresh(&mut self, wanted: &BTreeSet<String>, deadline: Instant) {
        self.names.retain(|name, _| wanted.contains(name));
        self.take_finished();
        let mut due = self.due(wanted, Instant::now());
        let mut awaited = BTreeSet::new();
        loop {
            self.start(&mut due, &mut awaited);
            if awaited.is_empty() {
                return;
            }
            let Ok(Some(finished)) = timeout_at(deadline, self.lookups.join_next()).await else {
                break;
            };
            if let Ok((name, answer)) = finished {
                awaited.remove(&name);
                self.note(&name, answer);
            }
        }
        for name in awaited {
            self.note_failure(&name, "no answer in time");
        }
    }

    /// The address of a name of the latest refresh; `None` while it has never resolved.
    pub(super) fn address(&self, name: &str) -> Option<IpAddr> {
        self.names.get(name)?.address
    }

    /// Names to look up now, the ones that waited longest first.
    fn due(&mut self, wanted: &BTreeSet<String>, now: Instant) -> VecDeque<String> {
        let mut due = Vec::new();
        for wanted in wanted {
            let name = self.names.entry(wanted.clone()).or_default();
            let is_due = name
                .asked_at
                .is_none_or(|asked| now >= asked + self.refresh);
            if is_due && !name.is_pending {
                due.push((name.asked_at, wanted.clone()));
            }
        }
        due.sort();
        due.into_iter().map(|(_, name)| name).collect()
    }

    fn start(&mut self, due: &mut VecDeque<String>, awaited: &mut BTreeSet<String>) {
        while self.lookups.len() < MAX_LOOKUPS
            && let Some(host) = due.pop_front()
        {
            let name = self.names.entry(host.clone()).or_default();
            name.asked_at = Some(Instant::now());
            name.is_pending = true;
            awaited.insert(host.clone());
            let lookup = Arc::clone(&self.lookup);
            self.lookups.spawn(async move {
                let answer = lookup.lookup(&host).await;
                (host, answer)
            });
        }
    }

    fn take_finished(&mut self) {
        while let Some(finished) = self.lookups.try_join_next() {
            if let Ok((name, answer)) = finished {
                self.note(&name, answer);
            }
        }
    }

    fn note(&mut self, host: &str, answer: io::Result<Vec<IpAddr>>) {
        if let Some(name) = self.names.get_mut(host) {
            name.is_pending = false;
        }
        match answer {
            Ok(answers) => self.note_answers(host, answers),
            Err(error) => self.note_failure(host, &error.to_string()),
        }
    }

    fn note_answers(&mut self, host: &str, answers: Vec<IpAddr>) {
        let accepted: Vec<_> = answers
            .into_iter()
            .filter(|ip| (self.accepts)(*ip))
            .collect();
        let Some(name) = self.names.get_mut(host) else {
            return;
        };
        let Some(address) = choose(&accepted, name.address) else {
            return self.note_failure(host, "no usable address");
        };
        if name.is_failing || name.address != Some(address) {
            log::info!("host name resolved name={host} address={address}");
        }
        name.is_failing = false;
        name.address = Some(address);
    }

    /// Keeps the last address. Logs only the change from working to failing.
    fn note_failure(&mut self, host: &str, problem: &str) {
        let Some(name) = self.names.get_mut(host) else {
            return;
        };
        if !name.is_failing {
            name.is_failing = true;
            match name.address {
                Some(last) => log::warn!(
                    "host name look-up failed, last address stays name={host} address={last} \
                     problem={problem:?}"
                ),
                None => log::warn!(
                    "host name look-up failed, endpoint left out name={host} problem={problem:?}"
                ),
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// The address in use if it is still among the answers, so that rotating answers do not move
/// traffic; else the first IPv4 one, else the first.
fn choose(answers: &[IpAddr], current: Option<IpAddr>) -> Option<IpAddr> {
    let kept = current.filter(|address| answers.contains(address));
    kept.or_else(|| answers.iter().find(|ip| ip.is_ipv4()).copied())
        .or_else(|| answers.first().copied())
}

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;
