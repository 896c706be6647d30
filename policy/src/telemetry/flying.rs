//! Exact sums over an endpoint's requests in flight. Each sum is an integer, so that what a
//! request adds and later takes off cancels to nothing, in whatever order requests end.

use super::cut::cut;
use crate::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Parts of one average request that work is counted in.
const WORK_UNIT: f32 = 1024.0;
/// A class at most this much heavier than the average request; lighter ones, the inverse.
const MAX_WORK: f32 = 50.0;

/// What one request adds to the sums, and takes off again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) sent_at: Timestamp,
    work_units: u32,
}

/// Bits of the sum of work; the count stands above them. The work of one request needs 16, so
/// that there is room for 2^24 requests, more than a machine has ports.
const WORK_BITS: u32 = 40;

/// Sums over the requests in flight.
#[derive(Debug, Default)]
pub(super) struct Flying {
    /// Number of requests and their work: one atomic operation for both.
    count_and_work: AtomicU64,
    /// Sum of the send times in nanoseconds, modulo 2^64.
    sent_at_sum: AtomicU64,
}

impl Share {
    /// A request that counts as `work` average ones.
    pub(super) fn new(sent_at: Timestamp, work: f32) -> Self {
        let work = cut(work, 1.0 / MAX_WORK, MAX_WORK);
        Self {
            sent_at,
            work_units: (work * WORK_UNIT) as u32,
        }
    }

    fn count_and_work(self) -> u64 {
        (1 << WORK_BITS) + u64::from(self.work_units)
    }
}

impl Flying {
    /// Adds a request and tells how many were there before.
    pub(super) fn enter(&self, share: Share) -> u32 {
        self.sent_at_sum
            .fetch_add(share.sent_at.as_nanos(), Relaxed);
        let before = self
            .count_and_work
            .fetch_add(share.count_and_work(), Relaxed);
        (before >> WORK_BITS) as u32
    }

    /// Takes off what [`Flying::enter`] added.
    pub(super) fn leave(&self, share: Share) {
        self.count_and_work
            .fetch_sub(share.count_and_work(), Relaxed);
        self.sent_at_sum
            .fetch_sub(share.sent_at.as_nanos(), Relaxed);
    }

    #[inline]
    pub(super) fn count(&self) -> u32 {
        (self.count_and_work.load(Relaxed) >> WORK_BITS) as u32
    }

    /// Work in flight, in average requests.
    #[inline]
    pub(super) fn work(&self) -> f32 {
        let work_units = self.count_and_work.load(Relaxed) & ((1 << WORK_BITS) - 1);
        work_units as f32 * (1.0 / WORK_UNIT)
    }

    /// Mean age of the requests in flight, 0 without any. The difference of the wrapped sums
    /// is right as long as the true one is below 2^63. A reading that falls between the
    /// updates of count and sum may be off, and is cut to between 0 and the time since the
    /// epoch.
    #[inline]
    pub(super) fn mean_age_seconds(&self, now: Timestamp) -> f32 {
        let count = self.count();
        if count == 0 {
            return 0.0;
        }
        let now_sum = u64::from(count).wrapping_mul(now.as_nanos());
        let age_sum = now_sum.wrapping_sub(self.sent_at_sum.load(Relaxed)) as i64;
        let mean_nanos = age_sum.max(0) as f32 / count as f32;
        mean_nanos.min(now.as_nanos() as f32) * 1e-9
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_are_nothing_again_after_all_have_left(
            shares in proptest::collection::vec((any::<u64>(), any::<f32>()), 0..50),
            order in any::<u64>(),
        ) {
            let flying = Flying::default();
            let mut shares: Vec<_> = shares
                .into_iter()
                .map(|(nanos, work)| Share::new(Timestamp::from_nanos(nanos), work))
                .collect();
            for share in &shares {
                flying.enter(*share);
            }
            let turn = (order as usize) % shares.len().max(1);
            shares.rotate_left(turn);
            for share in shares {
                flying.leave(share);
            }
            prop_assert_eq!(flying.count(), 0);
            prop_assert_eq!(flying.count_and_work.into_inner(), 0);
            prop_assert_eq!(flying.sent_at_sum.into_inner(), 0);
        }

        #[test]
        fn mean_age_is_the_mean_of_the_ages(
            ages_ms in proptest::collection::vec(0u64..100_000, 1..50),
        ) {
            let flying = Flying::default();
            let now = Timestamp::from_nanos(u64::MAX / 2);
            for age in &ages_ms {
                let sent_at = Timestamp::from_nanos(now.as_nanos() - age * 1_000_000);
                flying.enter(Share::new(sent_at, 1.0));
            }
            let mean = ages_ms.iter().sum::<u64>() as f32 / ages_ms.len() as f32 / 1000.0;
            prop_assert!((flying.mean_age_seconds(now) - mean).abs() <= 1e-3 + mean * 1e-5);
        }
    }

    #[test]
    fn threads_that_enter_and_leave_lose_nothing() {
        let flying = Flying::default();
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let flying = &flying;
                scope.spawn(move || {
                    for i in 0..20_000 {
                        let sent_at = Timestamp::from_nanos(i * 7919 + thread);
                        let share = Share::new(sent_at, i as f32 * 0.01);
                        flying.enter(share);
                        flying.leave(share);
                    }
                });
            }
        });
        assert_eq!(flying.count(), 0);
        assert_eq!(flying.count_and_work.into_inner(), 0);
        assert_eq!(flying.sent_at_sum.into_inner(), 0);
    }
}
