//! Natural logarithms of many values at once: without branches or calls, so that the compiler
//! makes vector code of it. Trainer and proxy run this same code.

use crate::{telemetry::cut, vector::vectorized};

/// Arguments are cut to this range; NaN counts as the least.
const LEAST: f32 = 1e-3;
const GREATEST: f32 = 1e9;

/// Replaces each value by its natural logarithm. Values are first cut to between 0.001 and
/// 1e9. The absolute error is below 3e-7 for 0.05 to 20,
/// and below 2.5e-6 (one unit in the last place) everywhere.
pub(super) fn ln_in_place(values: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for value in values {
                *value = ln(*value);
            }
        },
    );
}

/// With `x = m * 2^e`, `m` between about 0.7 and 1.4, and `s = (m - 1) / (m + 1)`:
/// `ln x = e ln 2 + 2 (s + s^3/3 + s^5/5 + ...)`. With |s| < 0.172 the terms left out are
/// below 1e-9.
#[inline(always)]
fn ln(x: f32) -> f32 {
    /// Bits of the square root of one half, where the mantissa is made to start.
    const MANTISSA_START: u32 = 0x3f35_04f3;

    let bits = cut(x, LEAST, GREATEST).to_bits();
    let above_start = bits.wrapping_sub(MANTISSA_START);
    let exponent = ((above_start as i32) >> 23) as f32;
    let mantissa = f32::from_bits((above_start & 0x007f_ffff) + MANTISSA_START);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = 2.0 / 3.0 + s2 * (2.0 / 5.0 + s2 * (2.0 / 7.0 + s2 * (2.0 / 9.0)));
    exponent * std::f32::consts::LN_2 + (2.0 * s + s * s2 * series)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn worst_error(mut x: f32, end: f32) -> f64 {
        let mut worst = 0.0f64;
        while x < end {
            worst = worst.max((f64::from(ln(x)) - f64::from(x).ln()).abs());
            x *= 1.000_01;
        }
        worst
    }

    #[test]
    fn the_error_stays_within_what_is_stated() {
        let moderate = worst_error(0.05, 20.0);
        assert!(moderate < 3e-7, "{moderate:e}");
        let wide = worst_error(1e-3, 1e9);
        assert!(wide < 2.5e-6, "{wide:e}");
    }

    #[test]
    fn vector_code_gives_the_bits_of_plain_code() {
        let values: Vec<f32> = (0..1003).map(|i| 1.01f32.powi(i - 400)).collect();
        let mut vectorized = values.clone();
        ln_in_place(&mut vectorized);
        let plain: Vec<f32> = values.iter().map(|value| ln(*value)).collect();
        assert_eq!(vectorized, plain);
    }

    #[test]
    fn one_gives_exactly_zero() {
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn any_argument_gives_a_finite_value() {
        let mut values = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            -0.0,
            -1.0,
            1e-40,
        ];
        ln_in_place(&mut values);
        assert!(values.iter().all(|value| value.is_finite()), "{values:?}");
    }

    #[test]
    fn it_never_falls_as_its_argument_grows() {
        let mut last = f32::MIN;
        let mut x = 1.0e-3f32;
        while x < 1e6 {
            let value = ln(x);
            assert!(value >= last - 1e-6, "at {x}");
            last = value;
            x *= 1.000_1;
        }
    }
}
