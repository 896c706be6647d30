//! Old measurements lose their say: otherwise an endpoint that was slow once would not be tried
//! again while load is low.

use crate::telemetry::{UNKNOWN_PART, keep};

/// Seconds after which a measurement has lost all but 1/e.
const FADING_SECONDS: f32 = 10.0;

/// A latency measured `age_seconds` ago, in the unit of `mean`; half the mean when never
/// measured (0), and what a slower one fades to.
pub(super) fn faded(latency: f32, age_seconds: f32, mean: f32) -> f32 {
    let unknown = mean * UNKNOWN_PART;
    if latency <= 0.0 {
        return unknown;
    }
    let floor = latency.min(unknown);
    floor + (latency - floor) * keep(age_seconds / FADING_SECONDS)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_slow_measurement_fades_and_a_fast_one_stays() {
        assert_eq!(faded(4.0, 0.0, 0.1), 4.0);
        assert!((faded(4.0, 1000.0, 0.1) - 0.05).abs() < 1e-6);
        assert_eq!(faded(0.01, 1000.0, 0.1), 0.01);
        assert_eq!(faded(0.0, 0.0, 0.1), 0.05);
    }
}
