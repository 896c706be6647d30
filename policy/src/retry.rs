//! Retry budget: a share of the requests may be retried, so that retries cannot multiply an
//! outage. A token bucket fed by requests, as Finagle's, with a small floor per second.

use crate::time::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Price of one retry in tokens; requests deposit fractions of it.
const RETRY_PRICE: i64 = 1000;
/// Tokens that may pile up, in retries: enough for a burst after a quiet time.
const RETRIES_SAVED_MAX: i64 = 100;

/// The retries that one cluster may still make.
#[derive(Debug)]
pub struct RetryBudget {
    deposit: i64,
    tokens: AtomicI64,
    min_per_second: u32,
    /// Second and retries taken from the floor in it, packed so that both change at once.
    floor: AtomicU64,
}

impl RetryBudget {
    /// `share` of the requests may be retried, and `min_per_second` in any case.
    pub fn new(share: f64, min_per_second: u32) -> Self {
        Self {
            deposit: (share * RETRY_PRICE as f64) as i64,
            tokens: AtomicI64::new(0),
            min_per_second,
            floor: AtomicU64::new(0),
        }
    }

    /// Counts a request in.
    pub fn deposit(&self) {
        if self.tokens.load(Relaxed) < RETRIES_SAVED_MAX * RETRY_PRICE {
            self.tokens.fetch_add(self.deposit, Relaxed);
        }
    }

    /// Takes one retry out; false when the budget is spent.
    pub fn withdraw(&self, now: Timestamp) -> bool {
        self.withdraw_from_floor(now) || self.withdraw_from_tokens()
    }

    fn withdraw_from_tokens(&self) -> bool {
        let take = |tokens| (tokens >= RETRY_PRICE).then_some(tokens - RETRY_PRICE);
        self.tokens.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    fn withdraw_from_floor(&self, now: Timestamp) -> bool {
        let second = (now.as_nanos() / 1_000_000_000) & 0xffff_ffff;
        let take = |packed: u64| {
            let taken = if packed >> 32 == second {
                packed & 0xffff_ffff
            } else {
                0
            };
            (taken < u64::from(self.min_per_second)).then_some(second << 32 | (taken + 1))
        };
        self.floor.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn withdrawals(budget: &RetryBudget, now: Timestamp) -> usize {
        (0..1000).take_while(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn a_share_of_the_requests_may_be_retried() {
        let budget = RetryBudget::new(0.2, 0);
        assert!(!budget.withdraw(Timestamp::ZERO), "nothing was deposited");
        (0..50).for_each(|_| budget.deposit());
        assert_eq!(withdrawals(&budget, Timestamp::ZERO), 10);
    }

    #[test]
    fn the_floor_is_there_anew_each_second() {
        let budget = RetryBudget::new(0.2, 3);
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        assert_eq!(withdrawals(&budget, at(0)), 3);
        assert_eq!(withdrawals(&budget, at(0)), 0);
        assert_eq!(withdrawals(&budget, at(1)), 3);
    }

    #[test]
    fn savings_are_bounded() {
        let budget = RetryBudget::new(1.0, 0);
        (0..100_000).for_each(|_| budget.deposit());
        assert_eq!(
            withdrawals(&budget, Timestamp::ZERO),
            RETRIES_SAVED_MAX as usize
        );
    }
}
