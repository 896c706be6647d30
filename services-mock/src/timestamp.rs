//! Wall-clock times as the original services wrote them: ISO 8601 without a zone, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Formats a time as `2026-11-23T15:04:05.123`; times before 1970 read as 1970.
pub(crate) fn iso_local(at: SystemTime) -> String {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// Whole milliseconds since 1970.
pub(crate) fn epoch_ms(at: SystemTime) -> u64 {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// Year, month and day of a day count since 1970-01-01, in the Gregorian calendar.
fn civil_date(days_since_1970: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let mut day = days_since_1970;
    while day >= days_in_year(year) {
        day -= days_in_year(year);
        year += 1;
    }
    let february = days_in_year(year) - 337;
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= months[month] {
        day -= months[month];
        month += 1;
    }
    (year, month as u64 + 1, day + 1)
}

fn days_in_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(epoch_ms: u64) -> String {
        iso_local(UNIX_EPOCH + Duration::from_millis(epoch_ms))
    }

    #[test]
    fn known_times_are_written_without_a_zone() {
        assert_eq!(at(0), "1970-01-01T00:00:00.000");
        assert_eq!(at(951_827_696_007), "2000-02-29T12:34:56.007");
        assert_eq!(at(1_735_689_599_999), "2024-12-31T23:59:59.999");
        assert_eq!(at(1_735_689_600_000), "2025-01-01T00:00:00.000");
    }

    #[test]
    fn a_time_before_1970_reads_as_1970() {
        assert_eq!(epoch_ms(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
