//! What is believed of a service's records over time: what stays and what goes when the
//! registry is empty, failing or flapping. Pure rules; the caller tells the time.

use super::Declared;
use lb_policy::{endpoint::EndpointId, time::Timestamp};
use std::{
    collections::{BTreeMap, btree_map},
    time::Duration,
};

/// Records of one service that are kept, and keys of it that are read. Far beyond any service,
/// and it bounds both memory and the length of a pass.
pub(super) const MAX_RECORDS: usize = 4096;

/// The key of a record as the registry has it; any bytes.
pub(super) type Key = Box<[u8]>;

/// What one pass saw under a key.
#[derive(Clone, Debug)]
pub(super) enum Sight {
    /// A usable record, and a digest of its content.
    Usable { declared: Declared, digest: u64 },
    /// Something that is no record.
    Unusable,
}

/// The records believed in.
///
/// - A record that was there in the pass before and is missing now, while others of the
///   service are there, was taken out on purpose or ran out: it goes at once.
/// - Any other missing record is held: an answer without any record, or the passes after a lost
///   connection, look like a registry that lost its memory, and services come back into it
///   one by one.
/// - A record that turned unusable is held likewise: garbage says nothing.
/// - What is held goes `max_age` after it was last seen usable. The age counts from our own
///   last sight of the record, since its own times carry no zone.
#[derive(Debug)]
pub(super) struct Registry {
    max_age: Duration,
    entries: BTreeMap<Key, Entry>,
}

#[derive(Debug)]
struct Entry {
    declared: Declared,
    digest: u64,
    /// When it was last there and usable.
    seen_at: Timestamp,
    /// When its content last changed, as far as we saw.
    changed_at: Timestamp,
    /// Whether the latest pass saw the change, so that its load is news.
    is_news: bool,
    /// Whether the key was there in the latest pass, with no interruption since.
    is_listed: bool,
}

impl Registry {
    pub(super) fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            entries: BTreeMap::new(),
        }
    }

    /// Takes in a complete answer of at most [`MAX_RECORDS`] keys and returns the set to believe.
    pub(super) fn listed(&mut self, sights: BTreeMap<Key, Sight>, now: Timestamp) -> Vec<Declared> {
        self.drop_vanished(&sights);
        for (key, entry) in &mut self.entries {
            entry.is_listed = sights.contains_key(key);
            entry.is_news = false;
        }
        for (key, sight) in sights {
            if let Sight::Usable { declared, digest } = sight {
                self.see(key, declared, digest, now);
            }
        }
        self.drop_aged(now);
        self.drop_excess();
        self.believed()
    }

    /// Notes that the connection was lost: what the next answer lacks may have been lost with it.
    pub(super) fn interrupted(&mut self) {
        for entry in self.entries.values_mut() {
            entry.is_listed = false;
        }
    }

    /// Notes a pass without an answer. Returns the remaining set if records aged out of it,
    /// `None` if nothing changed.
    pub(super) fn failed(&mut self, now: Timestamp) -> Option<Vec<Declared>> {
        self.interrupted();
        for entry in self.entries.values_mut() {
            entry.is_news = false;
        }
        let before = self.entries.len();
        self.drop_aged(now);
        (self.entries.len() < before).then(|| self.believed())
    }

    fn drop_vanished(&mut self, sights: &BTreeMap<Key, Sight>) {
        let others_remain = sights
            .values()
            .any(|sight| matches!(sight, Sight::Usable { .. }));
        if others_remain {
            self.entries
                .retain(|key, entry| sights.contains_key(key) || !entry.is_listed);
        }
    }

    fn see(&mut self, key: Key, declared: Declared, digest: u64, now: Timestamp) {
        match self.entries.entry(key) {
            btree_map::Entry::Vacant(place) => {
                place.insert(Entry {
                    declared,
                    digest,
                    seen_at: now,
                    changed_at: now,
                    is_news: true,
                    is_listed: true,
                });
            }
            btree_map::Entry::Occupied(place) => place.into_mut().renew(declared, digest, now),
        }
    }

    fn drop_aged(&mut self, now: Timestamp) {
        let max_age = self.max_age;
        self.entries
            .retain(|_, entry| now.since(entry.seen_at) <= max_age);
    }

    /// Gives up the held records that were not seen for longest. Those in the latest answer are
    /// at most [`MAX_RECORDS`] and always stay.
    fn drop_excess(&mut self) {
        let excess = self.entries.len().saturating_sub(MAX_RECORDS);
        if excess == 0 {
            return;
        }
        let mut held: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| !entry.is_listed)
            .map(|(key, entry)| (entry.seen_at, key.clone()))
            .collect();
        held.sort_unstable();
        for (_, key) in held.into_iter().take(excess) {
            self.entries.remove(&key);
        }
    }

    /// One endpoint per identity: of two records that claim the same, the one that is there
    /// counts before the one that is held, then the one that changed last.
    fn believed(&self) -> Vec<Declared> {
        let mut chosen: BTreeMap<&EndpointId, &Entry> = BTreeMap::new();
        for entry in self.entries.values() {
            let rival = chosen.entry(&entry.declared.id).or_insert(entry);
            if entry.precedence() > rival.precedence() {
                *rival = entry;
            }
        }
        chosen.into_values().map(Entry::declared).collect()
    }
}

impl Entry {
    fn renew(&mut self, declared: Declared, digest: u64, now: Timestamp) {
        if self.digest != digest {
            self.digest = digest;
            self.changed_at = now;
            self.is_news = true;
        }
        self.declared = declared;
        self.seen_at = now;
        self.is_listed = true;
    }

    fn precedence(&self) -> (bool, Timestamp) {
        (self.is_listed, self.changed_at)
    }

    fn declared(&self) -> Declared {
        let load = self.declared.load.filter(|_| self.is_news);
        Declared {
            load,
            ..self.declared.clone()
        }
    }
}

#[cfg(test)]
mod tests;
