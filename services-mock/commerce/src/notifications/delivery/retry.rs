//! How long to wait between tries.

/// The first wait; it doubles with each try.
const FIRST_WAIT_MS: i64 = 10_000;
/// Before jitter, which adds up to half: 10 minutes.
const LONGEST_WAIT_MS: i64 = 600_000;

/// The wait after so many tries, with jitter drawn by `below`, so that deliveries that failed
/// together do not come again together.
pub(super) fn wait_ms(attempts: i64, below: impl Fn(u64) -> u64) -> i64 {
    let doublings = (attempts - 1).clamp(0, 20);
    let wait = FIRST_WAIT_MS
        .saturating_mul(1 << doublings)
        .min(LONGEST_WAIT_MS);
    let half = u64::try_from(wait / 2).unwrap_or(0);
    wait + i64::try_from(below(half + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_and_jitter_adds_up_to_half() {
        let least: Vec<_> = (1..=8).map(|tries| wait_ms(tries, |_| 0)).collect();
        let seconds = [10, 20, 40, 80, 160, 320, 600, 600];
        assert_eq!(least, seconds.map(|s| s * 1000));
        assert_eq!(wait_ms(1, |bound| bound - 1), 15_000);
        assert_eq!(wait_ms(i64::MAX, |bound| bound - 1), 900_000);
    }
}
