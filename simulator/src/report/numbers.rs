//! Numbers as people read them in tables.

use crate::evaluation::Estimate;

/// What stands where there is no figure.
pub(super) const NONE: &str = "-";

/// Seconds as milliseconds with three digits or more.
pub(super) fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    fixed(value, digits)
}

/// A share as per cent.
pub(super) fn percent(share: f64, digits: usize) -> String {
    fixed(share * 100.0, digits)
}

/// A number with so many digits behind the point.
pub(super) fn fixed(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return NONE.to_owned();
    }
    format!("{value:.digits$}")
}

/// `0.84 [0.81, 0.88]`.
pub(super) fn with_interval(estimate: &Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    format!(
        "{} [{}, {}]",
        fixed(*value, 3),
        fixed(*low, 3),
        fixed(*high, 3)
    )
}
