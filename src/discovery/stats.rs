//! What a registry source counts, for the metrics to read.

use super::record::Malformed;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Counters of one registry source. Readers may come from any thread.
#[derive(Debug, Default)]
pub struct RegistryStats {
    scans: AtomicU64,
    scan_errors: AtomicU64,
    events: AtomicU64,
    records: AtomicU64,
    excess: AtomicU64,
    malformed: [AtomicU64; Malformed::ALL.len()],
    last_success_unix_ms: AtomicU64,
}

impl RegistryStats {
    /// Passes begun.
    pub fn scans(&self) -> u64 {
        self.scans.load(Relaxed)
    }

    /// Passes that ended without an answer.
    pub fn scan_errors(&self) -> u64 {
        self.scan_errors.load(Relaxed)
    }

    /// Messages on the event channel, whatever they said.
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    /// Usable records in the latest answer; a gauge.
    pub fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// Keys passed over because there were too many, added up over all passes.
    pub fn excess(&self) -> u64 {
        self.excess.load(Relaxed)
    }

    /// Records refused for this reason, each one counted in each pass that sees it.
    pub fn malformed(&self, reason: Malformed) -> u64 {
        self.malformed[reason as usize].load(Relaxed)
    }

    /// When the registry last answered; `None` before the first time.
    pub fn last_success(&self) -> Option<SystemTime> {
        match self.last_success_unix_ms.load(Relaxed) {
            0 => None,
            ms => Some(UNIX_EPOCH + Duration::from_millis(ms)),
        }
    }

    pub(super) fn scan_begun(&self) {
        self.scans.fetch_add(1, Relaxed);
    }

    pub(super) fn scan_failed(&self) {
        self.scan_errors.fetch_add(1, Relaxed);
    }

    pub(super) fn scan_answered(&self, records: usize, now: SystemTime) {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        self.records.store(records as u64, Relaxed);
        self.last_success_unix_ms.store(ms, Relaxed);
    }

    pub(super) fn event(&self) {
        self.events.fetch_add(1, Relaxed);
    }

    pub(super) fn passed_over(&self, keys: u64) {
        self.excess.fetch_add(keys, Relaxed);
    }

    pub(super) fn refused(&self, reason: Malformed) {
        self.malformed[reason as usize].fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_its_own_counter_and_label() {
        let stats = RegistryStats::default();
        for (index, reason) in Malformed::ALL.into_iter().enumerate() {
            assert_eq!(
                reason as usize, index,
                "{reason:?} should stand in its place in ALL"
            );
            stats.refused(reason);
            assert_eq!(stats.malformed(reason), 1);
        }
        let labels: BTreeSet<_> = Malformed::ALL.map(Malformed::label).into_iter().collect();
        assert_eq!(labels.len(), Malformed::ALL.len());
    }

    #[test]
    fn last_success_is_unknown_before_the_first_answer() {
        let stats = RegistryStats::default();
        assert_eq!(stats.last_success(), None);
        let now = UNIX_EPOCH + Duration::from_millis(1500);
        stats.scan_answered(3, now);
        assert_eq!((stats.last_success(), stats.records()), (Some(now), 3));
    }
}
