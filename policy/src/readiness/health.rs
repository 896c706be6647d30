//! Health of one endpoint by active checks: consecutive results flip it at a threshold.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

const UNKNOWN: u8 = 0;
const HEALTHY: u8 = 1;
const UNHEALTHY: u8 = 2;

/// A flip of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Now gets traffic.
    BecameHealthy,
    /// No longer gets traffic.
    BecameUnhealthy,
}

/// Read on every change of membership, written by one check at a time.
#[derive(Debug, Default)]
pub struct HealthState {
    state: AtomicU8,
    streak: AtomicU32,
}

impl HealthState {
    /// Whether checks found it healthy. An endpoint never checked is not.
    pub fn is_healthy(&self) -> bool {
        self.state.load(Relaxed) == HEALTHY
    }

    /// Whether it was checked at all.
    pub fn is_known(&self) -> bool {
        self.state.load(Relaxed) != UNKNOWN
    }

    /// Takes it as healthy where no check is configured.
    pub fn assume_healthy(&self) {
        self.state.store(HEALTHY, Relaxed);
    }

    /// Takes in the result of one check. The first result decides at once; later ones
    /// must come `healthy_threshold` or `unhealthy_threshold` times in a row.
    pub fn observe(
        &self,
        passed: bool,
        healthy_threshold: u32,
        unhealthy_threshold: u32,
    ) -> Option<Change> {
        let (target, threshold, change) = if passed {
            (HEALTHY, healthy_threshold, Change::BecameHealthy)
        } else {
            (UNHEALTHY, unhealthy_threshold, Change::BecameUnhealthy)
        };
        let state = self.state.load(Relaxed);
        if state == target {
            self.streak.store(0, Relaxed);
            return None;
        }
        let streak = self.streak.load(Relaxed) + 1;
        if state != UNKNOWN && streak < threshold {
            self.streak.store(streak, Relaxed);
            return None;
        }
        self.state.store(target, Relaxed);
        self.streak.store(0, Relaxed);
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_result_decides_at_once() {
        let up = HealthState::default();
        assert_eq!(up.observe(true, 3, 3), Some(Change::BecameHealthy));
        let down = HealthState::default();
        assert_eq!(down.observe(false, 3, 3), Some(Change::BecameUnhealthy));
    }

    #[test]
    fn only_consecutive_results_flip_the_state() {
        let health = HealthState::default();
        health.observe(true, 2, 2);
        assert_eq!(health.observe(false, 2, 2), None);
        assert_eq!(
            health.observe(true, 2, 2),
            None,
            "a pass in between starts the count anew"
        );
        assert_eq!(health.observe(false, 2, 2), None);
        assert_eq!(health.observe(false, 2, 2), Some(Change::BecameUnhealthy));
        assert_eq!(health.observe(true, 2, 2), None);
        assert_eq!(health.observe(true, 2, 2), Some(Change::BecameHealthy));
    }
}
