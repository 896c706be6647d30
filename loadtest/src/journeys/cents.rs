//! Amounts of money.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in cents; in JSON a number with at most two decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

/// Beyond this a double no longer holds every cent.
const LARGEST: f64 = 1e13;

impl Cents {
    fn of(amount: f64) -> Option<Self> {
        let cents = (amount * 100.0).round();
        // A NaN is not within either.
        (cents.abs() <= LARGEST).then_some(Cents(cents as i64))
    }

    /// So many pieces at this price; the largest amount where that is too much to say.
    pub(crate) fn times(self, quantity: u32) -> Self {
        Cents(self.0.saturating_mul(i64::from(quantity)))
    }
}

impl std::iter::Sum for Cents {
    fn sum<I: Iterator<Item = Cents>>(amounts: I) -> Self {
        Cents(amounts.fold(0, |sum, amount| sum.saturating_add(amount.0)))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 100.0)
    }
}

impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = f64::deserialize(deserializer)?;
        Cents::of(amount).ok_or_else(|| serde::de::Error::custom("no amount of money"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_survive_json_to_the_cent() {
        for cents in [0, 1, 10, 1999, 123_456_789, -5] {
            let json = serde_json::to_string(&Cents(cents)).unwrap();
            let read: Cents = serde_json::from_str(&json).unwrap();
            assert_eq!(read, Cents(cents), "{json}");
        }
        assert_eq!(serde_json::to_string(&Cents(1999)).unwrap(), "19.99");
        assert_eq!(serde_json::from_str::<Cents>("20").unwrap(), Cents(2000));
        assert!(serde_json::from_str::<Cents>("1e300").is_err());
        assert_eq!(Cents(-5).to_string(), "-0.05");
    }
}
