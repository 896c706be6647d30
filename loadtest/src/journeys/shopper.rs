//! The kinds of shoppers, and how much time they take.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::Serialize;

/// A kind of shopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shopper {
    /// Looks around and buys nothing.
    Browse,
    /// Knows what it wants: searches, buys, is gone.
    Quick,
    /// Compares, changes its mind, looks at the cart twice; cancels now and then.
    Careful,
    /// Many lines of many pieces.
    Bulk,
    /// Buys the first thing it sees and often regrets it at once.
    Impulse,
}

/// A word that names no shopper.
#[derive(Debug, thiserror::Error)]
#[error("expected browse, quick, careful, bulk or impulse, got {0:?}")]
pub struct UnknownShopper(String);

impl Shopper {
    /// All kinds.
    pub const ALL: [Shopper; 5] = [
        Shopper::Browse,
        Shopper::Quick,
        Shopper::Careful,
        Shopper::Bulk,
        Shopper::Impulse,
    ];

    /// Its word on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Shopper::Browse => "browse",
            Shopper::Quick => "quick",
            Shopper::Careful => "careful",
            Shopper::Bulk => "bulk",
            Shopper::Impulse => "impulse",
        }
    }

    /// Seconds between two steps, before the plan's scale.
    pub(crate) fn think_s(self) -> Range<f64> {
        match self {
            Shopper::Browse => 1.0..4.0,
            Shopper::Quick => 0.2..1.0,
            Shopper::Careful => 1.5..5.0,
            Shopper::Bulk => 0.5..2.0,
            Shopper::Impulse => 0.1..0.6,
        }
    }
}

impl FromStr for Shopper {
    type Err = UnknownShopper;

    fn from_str(word: &str) -> Result<Self, UnknownShopper> {
        let named = Shopper::ALL.into_iter().find(|kind| kind.name() == word);
        named.ok_or_else(|| UnknownShopper(word.to_owned()))
    }
}

impl fmt::Display for Shopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
