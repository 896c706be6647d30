//! Durations as written on the command line and in query strings: `250us`, `10ms`, `1.5s`, `2m`.

use std::time::Duration;

/// A text that is no duration.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no duration; write a number and a unit (us, ms, s, m) such as 10ms")]
pub struct BadDuration(String);

/// Longest duration accepted; anything above is a slip of the unit.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Reads a non-negative number followed by `us`, `ms`, `s` or `m`, at most 24 hours.
///
/// # Errors
/// A missing unit, a number that is negative or not finite, or more than 24 hours.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let bad = || BadDuration(text.to_owned());
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let seconds_per_unit = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(bad()),
    };
    let number: f64 = number.parse().map_err(|_| bad())?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .ok()
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text| parse_duration(text).unwrap();
        assert_eq!(read("250us"), Duration::from_micros(250));
        assert_eq!(read("10ms"), Duration::from_millis(10));
        assert_eq!(read("1.5s"), Duration::from_millis(1500));
        assert_eq!(read("2m"), Duration::from_secs(120));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "10", "ms", "-1s", "infs", "NaNs", "1h", "9e99s", "25.5 s ",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?} should be refused");
        }
    }
}
