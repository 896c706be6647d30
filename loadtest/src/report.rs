//! What a whole run measured, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::figures::{Counts, Quantiles};
use crate::progress::Tally;

/// What a run measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How requests ended.
    #[serde(flatten)]
    pub counts: Counts,
    /// From the start, or the end of the warm-up, to the last end.
    pub elapsed_s: f64,
    /// Answers per second of `elapsed_s`.
    pub answered_per_s: f64,
    /// From the intended start to the end of the answer; timeouts count with the time waited.
    pub latency_ms: Quantiles,
    /// The same without answers of 500 and above, which are often quick and would flatter.
    pub success_latency_ms: Quantiles,
    /// From the intended start to the real one: large figures mean that the generator was too slow.
    pub lateness_ms: Quantiles,
    /// Answers by value of the header asked for.
    pub header_values: BTreeMap<String, u64>,
    /// Whether the run was cancelled before the plan's end.
    pub cancelled: bool,
}

impl Report {
    pub(crate) fn of(tally: &Tally, elapsed: Duration, cancelled: bool) -> Self {
        let elapsed_s = elapsed.as_secs_f64();
        let answered = tally.counts.answered() as f64;
        Report {
            counts: tally.counts.clone(),
            elapsed_s,
            answered_per_s: answered / elapsed_s.max(1e-9),
            latency_ms: Quantiles::of(&tally.latency),
            success_latency_ms: Quantiles::of(&tally.success_latency),
            lateness_ms: Quantiles::of(&tally.lateness),
            header_values: tally.header_values.clone(),
            cancelled,
        }
    }

    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counts, seconds, rate) = (&self.counts, self.elapsed_s, self.answered_per_s);
        let note = if self.cancelled { " (cancelled)" } else { "" };
        writeln!(
            f,
            "arrivals   {:>9} in {seconds:.1} s{note}",
            counts.arrivals
        )?;
        writeln!(f, "answered   {:>9} ({rate:.1}/s)", counts.answered())?;
        for (status, count) in &counts.statuses {
            writeln!(f, "  {status}      {count:>9}")?;
        }
        let (refused, broken, timeouts) = (counts.connect_errors, counts.broken, counts.timeouts);
        let reasons = format!("{refused} not connected, {broken} broken, {timeouts} timed out");
        writeln!(f, "no answer  {:>9} ({reasons})", counts.unanswered())?;
        writeln!(
            f,
            "not sent   {:>9} (too many outstanding)",
            counts.overruns
        )?;
        writeln!(f, "unfinished {:>9}", counts.unfinished)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_counts(f)?;
        writeln!(
            f,
            "ms               mean       p50       p90       p99     p99.9       max"
        )?;
        writeln!(f, "latency    {}", self.latency_ms)?;
        writeln!(f, "lateness   {}", self.lateness_ms)?;
        for (value, count) in &self.header_values {
            writeln!(f, "  {value:<30} {count:>9}")?;
        }
        Ok(())
    }
}
