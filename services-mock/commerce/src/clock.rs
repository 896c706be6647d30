//! The time as milliseconds since 1970, real or set by a test, and its written form.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_MS: i64 = 86_400_000;

/// Tells the time to everything that depends on it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Stands still until a test moves it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at the given time.
    pub fn manual(now_ms: i64) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(now_ms)))
    }

    /// Milliseconds since 1970, UTC.
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::Manual(now_ms) => now_ms.load(Ordering::SeqCst),
            Clock::System => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
                i64::try_from(since_1970.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
            }
        }
    }

    /// Moves a manual clock; the machine's clock goes by itself.
    pub fn advance_ms(&self, by_ms: i64) {
        if let Clock::Manual(now_ms) = self {
            now_ms.fetch_add(by_ms, Ordering::SeqCst);
        }
    }
}

/// Writes `2026-11-23T15:04:05.123`: UTC without a zone, as the original services did.
pub fn iso_local(epoch_ms: i64) -> String {
    let (year, month, day) = civil_from_days(epoch_ms.div_euclid(DAY_MS));
    let ms_of_day = epoch_ms.rem_euclid(DAY_MS);
    let (hour, minute) = (ms_of_day / 3_600_000, ms_of_day / 60_000 % 60);
    let (second, millis) = (ms_of_day / 1000 % 60, ms_of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// Reads what [`iso_local`] writes; fraction and seconds may be missing, a `Z` may follow.
pub fn parse_iso(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| number(part, &[4, 2, 2]));
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY_MS + ms_of_day(time)?)
}

fn ms_of_day(time: &str) -> Option<i64> {
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':').map(|part| number(part, &[2]));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    if hour > 23 || minute > 59 || second > 59 || parts.next().is_some() {
        return None;
    }
    number(fraction, &[1, 2, 3, 6, 9])?;
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
}

/// A run of digits of one of the given lengths.
fn number(digits: &str, lengths: &[usize]) -> Option<i64> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && lengths.contains(&digits.len());
    plain.then(|| digits.parse().ok())?
}

/// Days since 1970-01-01 of a Gregorian date; after Howard Hinnant, "chrono-compatible low-level
/// date algorithms". Years begin in March there, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_written_and_read_back() {
        for (epoch_ms, text) in [
            (0, "1970-01-01T00:00:00.000"),
            (-1, "1969-12-31T23:59:59.999"),
            (951_827_696_007, "2000-02-29T12:34:56.007"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999"),
        ] {
            assert_eq!(iso_local(epoch_ms), text);
            assert_eq!(parse_iso(text), Some(epoch_ms), "{text}");
        }
        assert_eq!(parse_iso("2000-02-29T12:34Z"), Some(951_827_640_000));
        assert_eq!(parse_iso("1970-01-01T00:00:01.5"), Some(1500));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "T",
            "2001-02-29T00:00:00",
            "2001-13-01T00:00",
            "2001-01-01",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
        for text in [
            "2001-01-01T24:00:00",
            "2001-01-01T+1:00",
            "2001-01-01T00:00:00.é",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }
}
