//! Bringing any `f32` into a range.

/// The value within `least` and `greatest`; NaN becomes `least`. `f32::clamp` would keep NaN,
/// and panic on a reversed range.
#[inline(always)]
pub(crate) fn cut(value: f32, least: f32, greatest: f32) -> f32 {
    value.max(least).min(greatest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_comes_into_the_range() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.5] {
            assert!((1.0..=2.0).contains(&cut(value, 1.0, 2.0)), "{value}");
        }
    }
}
