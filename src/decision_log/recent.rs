//! The latest records, for people to look at.

use lb_decisions::DecisionRecord;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A ring of the latest records. Filled by the writer's thread, never by a request.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    keep: usize,
    records: VecDeque<Arc<DecisionRecord>>,
}

impl Recent {
    /// Keeps `count` records from now on.
    pub(super) fn keep(&self, count: usize) {
        let mut ring = self.lock();
        ring.keep = count;
        ring.trim();
    }

    pub(super) fn push(&self, record: Arc<DecisionRecord>) {
        let mut ring = self.lock();
        ring.records.push_back(record);
        ring.trim();
    }

    pub(super) fn latest(&self, count: usize, cluster: Option<&str>) -> Vec<Arc<DecisionRecord>> {
        let ring = self.lock();
        let newest_first = ring.records.iter().rev();
        newest_first
            .filter(|record| cluster.is_none_or(|cluster| record.cluster == cluster))
            .take(count)
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn trim(&mut self) {
        let excess = self.records.len().saturating_sub(self.keep);
        self.records.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_shown_newest_first_by_cluster() {
        let recent = Recent::default();
        recent.keep(3);
        for (attempt, cluster) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            recent.push(Arc::new(DecisionRecord {
                attempt,
                cluster: cluster.to_owned(),
                ..DecisionRecord::default()
            }));
        }
        let attempts = |count, cluster| -> Vec<u32> {
            let latest = recent.latest(count, cluster);
            latest.iter().map(|record| record.attempt).collect()
        };
        assert_eq!(attempts(9, None), [4, 3, 2]);
        assert_eq!(attempts(9, Some("a")), [4, 2]);
        assert_eq!(attempts(1, None), [4]);
        recent.keep(1);
        assert_eq!(attempts(9, None), [4]);
    }
}
