//! How long to wait between tries.

/// The wait in ms after so many tries: `first_ms`, doubled with each up to `longest_ms`, and up to
/// half of it more, drawn by `below`, so that what failed together does not come again together.
pub(crate) fn wait_ms(
    first_ms: i64,
    longest_ms: i64,
    attempts: i64,
    below: impl Fn(u64) -> u64,
) -> i64 {
    let doublings = attempts.saturating_sub(1).clamp(0, 20);
    let wait = first_ms.saturating_mul(1 << doublings).min(longest_ms);
    let half = u64::try_from(wait / 2).unwrap_or(0);
    wait + i64::try_from(below(half + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_and_jitter_adds_up_to_half() {
        let least: Vec<_> = (1..=8)
            .map(|tries| wait_ms(10, 600, tries, |_| 0))
            .collect();
        assert_eq!(least, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(wait_ms(10, 600, 1, |bound| bound - 1), 15);
        assert_eq!(wait_ms(10, 600, i64::MAX, |bound| bound - 1), 900);
        assert_eq!(wait_ms(10, 600, i64::MIN, |_| 0), 10);
    }
}
