//! The one place where the proxy reads time for decisions.

use lb_policy::time::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counts from the moment it was made. Copied to whoever needs the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// Time since the start.
    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.epoch.elapsed()
    }
}

/// The wall clock, for measuring where no [`Clock`] can be passed.
pub fn since_unix_epoch() -> Timestamp {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::ZERO + elapsed
}
