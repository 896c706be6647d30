//! Durations such as `250ms` and sizes such as `64KiB`, as they are written and shown.

use bytesize::ByteSize;
use serde::Serializer;
use std::time::Duration;

/// Reads `500us`, `250ms`, `5s`, `1m`, `1h` or a sum such as `1m 30s`; none if it is neither.
pub(super) fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// Reads `512`, `64KiB` (1024) or `1MB` (1000 × 1000), in bytes; none if it is no size.
pub(super) fn size(text: &str) -> Option<usize> {
    let size: ByteSize = text.parse().ok()?;
    usize::try_from(size.as_u64()).ok()
}

/// The duration as it would be written, such as `1m 30s`.
pub(super) fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Serializes a duration as it would be written.
pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_duration(*duration))
}

/// Serializes a duration that may be absent.
pub(super) fn serialize_option<S: Serializer>(
    duration: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serialize(duration, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_documented_unit_of_time_is_read() {
        let written = ["500us", "250ms", "5s", "1m", "1h", "1m 30s"];
        let micros = [
            500,
            250_000,
            5_000_000,
            60_000_000,
            3_600_000_000,
            90_000_000,
        ];
        assert_eq!(
            written.map(duration),
            micros.map(|micros| Some(Duration::from_micros(micros)))
        );
    }

    #[test]
    fn durations_without_unit_or_with_an_odd_one_are_refused() {
        for text in ["", "5", "5 parsecs", "-1s", "s", "99999999999999999999s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn binary_and_decimal_sizes_are_told_apart() {
        let written = ["512", "64KiB", "10MiB", "1MB", "1 GiB"];
        let bytes = [512, 65_536, 10_485_760, 1_000_000, 1 << 30];
        assert_eq!(written.map(size), bytes.map(Some));
        for text in ["", "KiB", "-1", "1e3", "5 parsecs"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back(micros in 0_u64..1 << 50) {
            let given = Duration::from_micros(micros);
            prop_assert_eq!(duration(&shown(given)), Some(given));
        }

        #[test]
        fn text_without_a_digit_is_neither_duration_nor_size(text in "[^0-9]*") {
            prop_assert_eq!((duration(&text), size(&text)), (None, None));
        }
    }
}
