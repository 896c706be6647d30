//! What came out of a run, for people and programs.

use std::fmt;

use serde::Serialize;

use crate::journeys::Report;
use crate::shop_run::audit::Trial;
use crate::shop_run::shares::Share;
use crate::table::Table;

/// What came out of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Where state was, in words.
    pub state: String,
    /// Instances that were killed.
    pub killed: Vec<String>,
    /// Mean delay at the degraded cart instance, in ms.
    pub delay_ms: u64,
    /// E-mails to customers that arrived. Quiet hours, 22 to 8 o'clock UTC, hold them back.
    pub mails: u64,
    /// What shoppers met.
    pub journeys: Report,
    /// Whether the books agree.
    pub trial: Trial,
    /// What the degraded instance got.
    pub shares: Vec<Share>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; state in {}", self.journeys.headline(), self.state)?;
        if !self.killed.is_empty() {
            writeln!(f, "killed meanwhile: {}", self.killed.join(", "))?;
        }
        writeln!(f, "{} e-mails to customers arrived", self.mails)?;
        writeln!(f, "\n{}", self.order_table().text())?;
        writeln!(f, "{}", self.check_table().text())?;
        writeln!(f, "{}", self.share_table().text())
    }
}

impl Outcome {
    fn order_table(&self) -> Table {
        let mut table = Table::new(&["orders", "count"]);
        let mut add = |what: &str, count: u64| table.add([what.to_owned(), count.to_string()]);
        let (orders, trial) = (&self.journeys.orders, &self.trial);
        add("placed", orders.placed);
        for (status, count) in &trial.by_status {
            add(&format!("  {status}"), *count);
        }
        add("refused", orders.refused);
        add("unknown to the customer", orders.unknown);
        add("lost", trial.lost.len() as u64);
        table
    }

    fn check_table(&self) -> Table {
        let mut table = Table::new(&["reconciliation", "", "figures"]);
        for check in &self.trial.checks {
            let word = if check.holds { "exact" } else { "WRONG" };
            let row = [check.what, word, &check.figures].map(str::to_owned);
            table.add(row);
        }
        table
    }

    fn share_table(&self) -> Table {
        let mut table = Table::new(&[
            "cart policy",
            "requests",
            "to the degraded one",
            "add p50 ms",
            "add p99 ms",
            "orders",
        ]);
        for share in &self.shares {
            table.add([
                share.policy.to_owned(),
                share.requests.to_string(),
                format!("{:.1} %", share.degraded() * 100.0),
                format!("{:.1}", share.add_p50_ms),
                format!("{:.1}", share.add_p99_ms),
                share.placed.to_string(),
            ]);
        }
        table
    }
}
