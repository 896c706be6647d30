//! Passive ejection of endpoints that answer with errors in a row and fail more than the others,
//! after Envoy's outlier detection: the time grows with each ejection and shrinks again with
//! good behaviour.

use crate::time::Timestamp;
use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Longest ejection; without a bound a flapping endpoint would be gone for hours.
const EJECTION_MAX: Duration = Duration::from_secs(300);

/// Ejection state of one endpoint.
#[derive(Debug, Default)]
pub struct Outlier {
    consecutive_5xx: AtomicU32,
    times_ejected: AtomicU32,
    ejected_until: AtomicU64,
}

impl Outlier {
    /// Takes in one result; true when the endpoint has earned an ejection by that many errors
    /// in a row.
    pub fn observe(&self, is_error: bool, errors_in_a_row: u32) -> bool {
        if !is_error {
            // A plain load first: the store would bounce the cache line between threads.
            if self.consecutive_5xx.load(Relaxed) != 0 {
                self.consecutive_5xx.store(0, Relaxed);
            }
            return false;
        }
        let run = self.consecutive_5xx.fetch_add(1, Relaxed).saturating_add(1);
        run >= errors_in_a_row && !self.is_ejected()
    }

    /// Ejects it from `now` on, for `base` times the number of its ejections.
    pub fn eject(&self, base: Duration, now: Timestamp) {
        let times = self.times_ejected.load(Relaxed).saturating_add(1);
        self.times_ejected.store(times, Relaxed);
        let span = base.saturating_mul(times).min(EJECTION_MAX);
        self.ejected_until.store((now + span).as_nanos(), Relaxed);
        self.consecutive_5xx.store(0, Relaxed);
    }

    /// Whether it is ejected. Stays so until [`Outlier::release_if_due`] is called.
    pub fn is_ejected(&self) -> bool {
        self.ejected_until.load(Relaxed) != 0
    }

    /// Ends an ejection whose time is over; true when it did.
    pub fn release_if_due(&self, now: Timestamp) -> bool {
        let until = self.ejected_until.load(Relaxed);
        if until == 0 || now.as_nanos() < until {
            return false;
        }
        self.ejected_until.store(0, Relaxed);
        true
    }

    /// Forgives one ejection; called once per interval of good behaviour.
    pub fn forgive(&self) {
        let times = self.times_ejected.load(Relaxed);
        if times > 0 && !self.is_ejected() {
            self.times_ejected.store(times - 1, Relaxed);
        }
    }
}

/// How many of `total` endpoints may be ejected at once: the share, but at least one unless the
/// share is nothing.
pub fn ejections_allowed(total: usize, max_ejection: f64) -> usize {
    let least = usize::from(max_ejection > 0.0);
    ((total as f64 * max_ejection) as usize).max(least)
}

/// Whether an endpoint of recent error rate `own` fails at least `ratio` times as often as most
/// of the `others`; also when there are none. Where most fail, the trouble is not its own, and to
/// eject it only adds its load to theirs (ADR 30).
pub fn stands_out(own: f32, others: impl Iterator<Item = f32>, ratio: f32) -> bool {
    let (mut total, mut better) = (0_usize, 0_usize);
    for other in others {
        total += 1;
        better += usize::from(own >= ratio * other);
    }
    total == 0 || 2 * better > total
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(5);

    #[test]
    fn errors_in_a_row_earn_an_ejection_and_a_success_between_resets() {
        let outlier = Outlier::default();
        assert!(!outlier.observe(true, 3));
        assert!(!outlier.observe(true, 3));
        assert!(!outlier.observe(false, 3));
        assert!(!outlier.observe(true, 3));
        assert!(!outlier.observe(true, 3));
        assert!(outlier.observe(true, 3));
    }

    #[test]
    fn the_second_ejection_lasts_longer_and_forgiveness_shortens_the_next() {
        let outlier = Outlier::default();
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        outlier.eject(BASE, at(0));
        assert!(!outlier.release_if_due(at(4)));
        assert!(outlier.release_if_due(at(5)));
        outlier.eject(BASE, at(10));
        assert!(
            !outlier.release_if_due(at(19)),
            "twice ejected: ten seconds"
        );
        assert!(outlier.release_if_due(at(20)));
        outlier.forgive();
        outlier.forgive();
        outlier.eject(BASE, at(30));
        assert!(
            outlier.release_if_due(at(35)),
            "forgiven: five seconds again"
        );
    }

    #[test]
    fn who_fails_stands_out_from_most_that_do_not() {
        let stands_out = |own, others: &[f32]| stands_out(own, others.iter().copied(), 10.0);
        assert!(stands_out(0.4, &[0.0, 0.04, 0.0]));
        assert!(
            !stands_out(0.4, &[0.05, 0.0, 0.05]),
            "most fail now and then"
        );
        assert!(stands_out(1.0, &[1.0, 0.0, 0.0]), "two of four fail");
        assert!(!stands_out(1.0, &[1.0, 1.0, 0.0]), "three of four fail");
        assert!(!stands_out(1.0, &[1.0, 0.0]), "half are not most");
        assert!(stands_out(1.0, &[]), "the only one");
    }

    #[test]
    fn a_ratio_of_zero_does_not_compare() {
        assert!(stands_out(0.1, [1.0; 3].into_iter(), 0.0));
    }

    #[test]
    fn at_least_one_endpoint_may_be_ejected_and_never_more_than_the_share() {
        assert_eq!(ejections_allowed(1, 0.5), 1);
        assert_eq!(ejections_allowed(5, 0.0), 0);
        assert_eq!(ejections_allowed(5, 0.5), 2);
        assert_eq!(ejections_allowed(10, 0.1), 1);
    }
}
