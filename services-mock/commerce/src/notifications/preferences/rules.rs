//! Quiet hours, limits and defaults, without store and time.

use super::super::names::{Channel, NotificationType};

const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// Minutes of a day.
#[cfg(test)]
const DAY_MINUTES: i64 = 24 * 60;

/// From one time of the day to another, UTC, over midnight where the end is before the start; from
/// a time to itself is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuietHours {
    /// Minutes after midnight, below 1440.
    pub(crate) start: i64,
    /// The first minute that is not quiet.
    pub(crate) end: i64,
}

/// How many notifications of a type a user gets on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) per_hour: i64,
    pub(crate) per_day: i64,
}

/// What a user wants of one type on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) enabled: bool,
    pub(crate) quiet_on: bool,
    pub(crate) quiet: QuietHours,
    pub(crate) limits: Limits,
    /// Where WEBHOOK goes.
    pub(crate) webhook_url: Option<String>,
}

impl QuietHours {
    /// 22:00 to 08:00.
    pub(crate) const NIGHT: QuietHours = QuietHours {
        start: 22 * 60,
        end: 8 * 60,
    };

    /// When they end, if it is quiet at the time; milliseconds since 1970.
    pub(crate) fn ends_ms(self, now_ms: i64) -> Option<i64> {
        let since_midnight_ms = now_ms.rem_euclid(DAY_MS);
        let minute = since_midnight_ms / MINUTE_MS;
        let quiet = if self.start <= self.end {
            (self.start..self.end).contains(&minute)
        } else {
            minute >= self.start || minute < self.end
        };
        let end_today_ms = now_ms - since_midnight_ms + self.end * MINUTE_MS;
        let tomorrow = end_today_ms <= now_ms;
        quiet.then_some(end_today_ms + if tomorrow { DAY_MS } else { 0 })
    }
}

impl Limits {
    /// Those of a type unless the user says otherwise.
    pub(crate) fn of(kind: NotificationType) -> Limits {
        use NotificationType::*;
        let (per_hour, per_day) = match kind {
            Promotional => (2, 5),
            OrderConfirmation | OrderShipped | OrderDelivered | OrderStatusUpdate
            | PaymentSuccess | PaymentFailed => (10, 50),
            Welcome | InventoryLowStock | CartAbandonment | SystemAlert | PasswordReset => (5, 20),
        };
        Limits { per_hour, per_day }
    }

    /// Why there cannot be one more after so many in the last hour and the last day.
    pub(crate) fn refusal(self, in_hour: i64, in_day: i64) -> Option<String> {
        if in_hour >= self.per_hour {
            return Some(format!("limit of {} an hour is reached", self.per_hour));
        }
        let over = in_day >= self.per_day;
        over.then(|| format!("limit of {} a day is reached", self.per_day))
    }
}

impl Wishes {
    /// Of a user who said nothing: all but promotions by SMS, not at night, within the limits.
    pub(crate) fn default_of(kind: NotificationType, channel: Channel) -> Wishes {
        let promotion = kind == NotificationType::Promotional && channel == Channel::Sms;
        Wishes {
            enabled: !promotion,
            quiet_on: true,
            quiet: QuietHours::NIGHT,
            limits: Limits::of(kind),
            webhook_url: None,
        }
    }

    /// When the quiet hours end that hold now.
    pub(crate) fn held_until_ms(&self, now_ms: i64) -> Option<i64> {
        self.quiet_on.then(|| self.quiet.ends_ms(now_ms)).flatten()
    }
}

/// Reads `08:00` as minutes after midnight.
pub(crate) fn parse_minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// The inverse of [`parse_minute`].
pub(crate) fn write_minute(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hour: i64, minute: i64) -> i64 {
        20_000 * DAY_MS + (hour * 60 + minute) * MINUTE_MS
    }

    #[test]
    fn the_night_goes_over_midnight_and_ends_in_the_morning() {
        let night = QuietHours::NIGHT;
        assert_eq!(night.ends_ms(at(21, 59)), None);
        assert_eq!(night.ends_ms(at(22, 0)), Some(at(32, 0)));
        assert_eq!(night.ends_ms(at(23, 59)), Some(at(32, 0)));
        assert_eq!(night.ends_ms(at(0, 0)), Some(at(8, 0)));
        assert_eq!(night.ends_ms(at(8, 0) - 1), Some(at(8, 0)));
        assert_eq!(night.ends_ms(at(8, 0)), None);
    }

    #[test]
    fn quiet_hours_within_a_day_and_of_no_length() {
        let noon = QuietHours {
            start: 12 * 60,
            end: 13 * 60,
        };
        assert_eq!(noon.ends_ms(at(12, 30)), Some(at(13, 0)));
        assert_eq!(noon.ends_ms(at(13, 0)), None);
        assert_eq!(noon.ends_ms(at(11, 59)), None);
        let never = QuietHours { start: 60, end: 60 };
        assert_eq!(never.ends_ms(at(1, 0)), None);
    }

    #[test]
    fn the_last_place_is_taken_and_the_next_refused() {
        let limits = Limits::of(NotificationType::Promotional);
        assert_eq!(limits.refusal(1, 4), None);
        assert!(limits.refusal(2, 2).unwrap().contains("2 an hour"));
        assert!(limits.refusal(0, 5).unwrap().contains("5 a day"));
        let figures = |kind| {
            let limits = Limits::of(kind);
            (limits.per_hour, limits.per_day)
        };
        assert_eq!(figures(NotificationType::OrderShipped), (10, 50));
        assert_eq!(figures(NotificationType::PaymentFailed), (10, 50));
        assert_eq!(figures(NotificationType::Welcome), (5, 20));
    }

    #[test]
    fn only_promotions_by_sms_are_off_by_default() {
        for &kind in NotificationType::ALL {
            for &channel in Channel::ALL {
                let off = (kind, channel) == (NotificationType::Promotional, Channel::Sms);
                assert_eq!(Wishes::default_of(kind, channel).enabled, !off);
            }
        }
    }

    #[test]
    fn times_of_the_day_are_read_strictly() {
        assert_eq!(parse_minute("23:59"), Some(DAY_MINUTES - 1));
        for text in ["", "8:00", "24:00", "12:60", "12:5", "+1:00", "12:00:00"] {
            assert_eq!(parse_minute(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_held_goes_out_at_the_first_minute_that_is_not_quiet(
            start in 0..DAY_MINUTES,
            end in 0..DAY_MINUTES,
            now_ms in 0..4_000_000_000_000_i64,
        ) {
            let hours = QuietHours { start, end };
            if let Some(ends_ms) = hours.ends_ms(now_ms) {
                prop_assert!(ends_ms > now_ms && ends_ms - now_ms <= DAY_MS);
                prop_assert_eq!(hours.ends_ms(ends_ms), None);
                prop_assert_eq!(hours.ends_ms(ends_ms - 1), Some(ends_ms));
                let halfway = now_ms + (ends_ms - now_ms) / 2;
                prop_assert_eq!(hours.ends_ms(halfway), Some(ends_ms));
            }
        }

        #[test]
        fn a_minute_is_quiet_in_the_hours_or_in_the_rest_of_the_day(
            start in 0..DAY_MINUTES,
            end in 0..DAY_MINUTES,
            now_ms in 0..4_000_000_000_000_i64,
        ) {
            prop_assume!(start != end);
            let hours = QuietHours { start, end };
            let rest = QuietHours { start: end, end: start };
            prop_assert!(hours.ends_ms(now_ms).is_some() != rest.ends_ms(now_ms).is_some());
        }

        #[test]
        fn a_limit_is_reached_exactly_when_a_count_is(
            limits in (0..20_i64, 0..100_i64),
            in_hour in 0..30_i64,
            in_day in 0..120_i64,
        ) {
            let limits = Limits { per_hour: limits.0, per_day: limits.1 };
            let full = in_hour >= limits.per_hour || in_day >= limits.per_day;
            prop_assert_eq!(limits.refusal(in_hour, in_day).is_some(), full);
        }

        #[test]
        fn a_minute_is_read_as_it_is_written(minute in 0..DAY_MINUTES) {
            prop_assert_eq!(parse_minute(&write_minute(minute)), Some(minute));
        }
    }
}
