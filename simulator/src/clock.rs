//! Seconds of a scenario to points and spans of the virtual clock.

use lb_policy::time::Timestamp;
use std::time::Duration;

/// Least time between two turns of a timer: one that is always due would stop the clock.
const PERIOD_MIN: Duration = Duration::from_micros(10);

/// The point `seconds` after the start; negative times and NaN are the start.
pub(crate) fn point(seconds: f64) -> Timestamp {
    Timestamp::from_nanos(nanos(seconds))
}

/// A span; negative ones and NaN are none.
pub(crate) fn span(seconds: f64) -> Duration {
    Duration::from_nanos(nanos(seconds))
}

/// Time between two turns of a timer.
pub(crate) fn period(seconds: f64) -> Duration {
    span(seconds).max(PERIOD_MIN)
}

/// Seconds from `earlier` to `later`; zero when `earlier` is later.
pub(crate) fn seconds(earlier: Timestamp, later: Timestamp) -> f64 {
    later.as_nanos().saturating_sub(earlier.as_nanos()) as f64 * 1e-9
}

/// Rounded without a call of the C library, which takes a percent of a run.
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9 + 0.5) as u64
}
