//! Exponential decay with time, in `f32` and without branches, so that a loop over many
//! values becomes vector code.

use super::cut::cut;

/// A value and the time for which it has been decaying.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decaying {
    /// The value when last written.
    pub value: f32,
    /// Seconds since then.
    pub age_seconds: f32,
}

impl Decaying {
    /// What is left of the value after decay with time constant `tau_seconds`.
    #[inline]
    pub fn after(self, tau_seconds: f32) -> f32 {
        self.value * keep(self.age_seconds / tau_seconds)
    }
}

/// `exp(-x)` for `x` from 0 to 80; an `x` outside or NaN counts as the nearer end (NaN as 0).
/// The relative error is below 3e-7.
#[inline(always)]
pub fn keep(x: f32) -> f32 {
    /// Adding and subtracting it rounds to a whole number, without a library call.
    const ROUNDER: f32 = 12_582_912.0;
    /// ln 2 in two parts: the first has few bits, so that its multiples are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let y = -cut(x, 0.0, 80.0);
    let whole = (y * std::f32::consts::LOG2_E + ROUNDER) - ROUNDER;
    let rest = (y - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let series = 1.0 / 720.0 + rest / 5040.0;
    let series = 1.0 / 24.0 + rest * (1.0 / 120.0 + rest * series);
    let series = 1.0 + rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0 + rest * series)));
    let power_of_two = f32::from_bits(((whole as i32 + 127) << 23) as u32);
    series * power_of_two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_stays_within_its_stated_error() {
        for step in 0..=800_000 {
            let x = step as f32 * 1e-4;
            let exact = (-f64::from(x)).exp();
            let error = (f64::from(keep(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "relative error {error:e} at {x}");
        }
    }

    #[test]
    fn keep_survives_any_argument() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, f32::MAX] {
            let kept = keep(x);
            assert!((0.0..=1.0).contains(&kept), "{kept} for {x}");
        }
    }

    #[test]
    fn a_value_keeps_a_known_part_after_one_time_constant() {
        let left = Decaying {
            value: 4.0,
            age_seconds: 10.0,
        }
        .after(10.0);
        assert!((left - 4.0 / std::f32::consts::E).abs() < 1e-6);
    }
}
