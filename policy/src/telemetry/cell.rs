//! Values that are written by one thread at a time and read by any number without a lock.
//! Each value is whole; two values read one after the other may stem from different writes,
//! which a statistic can bear.

use crate::time::Timestamp;
use std::{
    fmt,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// An `f32`, kept as its bits.
pub(super) struct F32Cell(AtomicU32);

/// A point in time, or never.
pub(super) struct TimeCell(AtomicU64);

const NEVER: u64 = u64::MAX;

impl F32Cell {
    pub(super) const fn new(value: f32) -> Self {
        Self(AtomicU32::new(value.to_bits()))
    }

    #[inline]
    pub(super) fn load(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }

    #[inline]
    pub(super) fn store(&self, value: f32) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Moves the value towards `sample` by the fraction `alpha`. Not atomic: under a lock.
    #[inline]
    pub(super) fn approach(&self, sample: f32, alpha: f32) {
        let value = self.load();
        self.store(value + alpha * (sample - value));
    }
}

impl TimeCell {
    pub(super) const fn never() -> Self {
        Self(AtomicU64::new(NEVER))
    }

    pub(super) const fn at(time: Timestamp) -> Self {
        Self(AtomicU64::new(time.as_nanos()))
    }

    #[inline]
    pub(super) fn load(&self) -> Option<Timestamp> {
        match self.0.load(Relaxed) {
            NEVER => None,
            nanos => Some(Timestamp::from_nanos(nanos)),
        }
    }

    #[inline]
    pub(super) fn store(&self, time: Timestamp) {
        self.0.store(time.as_nanos(), Relaxed);
    }

    /// Seconds from this time to `now`, `None` if it never came.
    #[inline]
    pub(super) fn age_seconds(&self, now: Timestamp) -> Option<f32> {
        self.load().map(|then| now.seconds_since(then))
    }
}

impl fmt::Debug for F32Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

impl fmt::Debug for TimeCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}
