//! The steps of journeys, as figures are grouped.

use std::fmt;

use serde::Serialize;

/// A step of a journey: one request, but for [`Step::Order`] (one per look) and the repetitions of
/// a check-out, which have a step of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Step {
    Register,
    LogIn,
    List,
    Category,
    Search,
    Product,
    Add,
    Cart,
    Change,
    Remove,
    CheckOut,
    /// The check-out repeated, because its outcome was unknown.
    CheckOutAgain,
    /// A look at the order's status.
    Order,
    Cancel,
}

impl Step {
    /// Its word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Step::Register => "register",
            Step::LogIn => "log-in",
            Step::List => "list",
            Step::Category => "category",
            Step::Search => "search",
            Step::Product => "product",
            Step::Add => "add",
            Step::Cart => "cart",
            Step::Change => "change",
            Step::Remove => "remove",
            Step::CheckOut => "check-out",
            Step::CheckOutAgain => "check-out-again",
            Step::Order => "order",
            Step::Cancel => "cancel",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
