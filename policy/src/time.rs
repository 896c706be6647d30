//! Points in time as the caller counts them. This crate never reads a clock.

use std::{ops::Add, time::Duration};

/// Nanoseconds since an epoch of the caller's choice: process start in the proxy, zero in a
/// simulation. One `u64`, so that telemetry can keep it in an atomic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch.
    pub const ZERO: Self = Self(0);

    /// The point `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Like [`Timestamp::since`], in seconds.
    pub fn seconds_since(self, earlier: Self) -> f32 {
        self.0.saturating_sub(earlier.0) as f32 * 1e-9
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}
