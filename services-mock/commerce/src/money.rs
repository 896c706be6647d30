//! Amounts of money, exact: whole cents inside, a JSON number with at most two decimals outside.

use std::fmt;
use std::ops::{Add, Sub};

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema};
use utoipa::{PartialSchema, ToSchema};

/// Whole cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// The largest amount that is read: ten thousand million. Below it a JSON number that went
    /// through a 64-bit float still tells every cent, and sums of 10 000 such fit an `i64`.
    pub const MAX: Money = Money(1_000_000_000_000);

    /// An amount of whole cents.
    pub const fn cents(cents: i64) -> Money {
        Money(cents)
    }

    /// The amount in cents, as the store keeps it.
    pub const fn to_cents(self) -> i64 {
        self.0
    }

    /// So many times the amount.
    pub fn times(self, count: i64) -> Money {
        Money(self.0.saturating_mul(count))
    }

    /// Reads `12`, `12.3`, `12.34`, with a sign or without.
    pub fn parse(text: &str) -> Result<Money, BadMoney> {
        let bad = || BadMoney(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = whole
            .bytes()
            .chain(decimals.bytes())
            .all(|b| b.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 2 || !all_digits {
            return Err(bad());
        }
        let cents: i64 = format!("{whole}{decimals:0<2}")
            .parse()
            .map_err(|_| bad())?;
        if cents > Money::MAX.0 {
            return Err(bad());
        }
        Ok(Money(if negative { -cents } else { cents }))
    }
}

/// What is no amount of money.
#[derive(Debug, thiserror::Error)]
#[error("not an amount of money with at most two decimals, up to {max}: {0}", max = Money::MAX)]
pub struct BadMoney(String);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// Saturates: amounts are bounded when they are read, so that only a bug comes near the edge.
impl Add for Money {
    type Output = Money;

    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Money;

    fn sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::default(), Add::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The nearest float prints as the shortest decimal, which is the amount (see `MAX`).
        #[allow(clippy::cast_precision_loss, reason = "amounts are below 2^53 cents")]
        serializer.serialize_f64(self.0 as f64 / 100.0)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Money;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number with at most two decimals")
    }

    fn visit_i64<E: de::Error>(self, amount: i64) -> Result<Money, E> {
        Money::parse(&amount.to_string()).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, amount: u64) -> Result<Money, E> {
        Money::parse(&amount.to_string()).map_err(E::custom)
    }

    /// The shortest decimal that reads as this float is what the client wrote.
    fn visit_f64<E: de::Error>(self, amount: f64) -> Result<Money, E> {
        Money::parse(&amount.to_string()).map_err(E::custom)
    }
}

impl PartialSchema for Money {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(schema::Type::Number)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
            .description(Some("An amount with at most two decimals"))
            .minimum(Some(-10_000_000_000.0))
            .maximum(Some(10_000_000_000.0))
            .build()
            .into()
    }
}

impl ToSchema for Money {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Money, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn numbers_with_at_most_two_decimals_are_read() {
        for (json, cents) in [("12", 1200), ("12.3", 1230), ("-0.01", -1), ("1e2", 10_000)] {
            assert_eq!(read(json).unwrap(), Money::cents(cents), "{json}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for json in [
            "0.001",
            "1e300",
            "1e-5",
            "\"12\"",
            "null",
            "10000000000.01",
            "[]",
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        for text in ["NaN", "inf", "", ".5", "--1", "+1", "1,0"] {
            assert!(Money::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same(cents in -1_000_000_000_000..=1_000_000_000_000_i64) {
            let money = Money::cents(cents);
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(read(&json).unwrap(), money);
            prop_assert_eq!(Money::parse(&money.to_string()).unwrap(), money);
        }
    }
}
