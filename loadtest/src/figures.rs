//! The two kinds of figures of a run: how requests ended, and quantiles of times.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::outcome::Outcome;

/// Histograms hold 1 µs to 20 min in three digits; what is longer counts as 20 min.
const LONGEST_US: u64 = 1_200_000_000;

/// How requests ended. Every arrival ends in exactly one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests the schedule asked for so far.
    pub arrivals: u64,
    /// Whole answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// No connection could be made.
    pub connect_errors: u64,
    /// The connection broke before the whole answer.
    pub broken: u64,
    /// The timeout passed.
    pub timeouts: u64,
    /// Not sent, because `max_outstanding` requests were underway.
    pub overruns: u64,
    /// Underway when the run was cancelled.
    pub unfinished: u64,
    /// Bytes of answers' bodies.
    pub body_bytes: u64,
}

/// Quantiles in milliseconds, to three digits; all 0 when nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are the quantiles")]
pub struct Quantiles {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Counts {
    /// Whole answers of any status.
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Answers of 500 and above.
    pub fn server_errors(&self) -> u64 {
        self.statuses.range(500..).map(|(_, count)| count).sum()
    }

    /// Requests that got no answer: no connection, a broken one or a timeout.
    pub fn unanswered(&self) -> u64 {
        self.connect_errors + self.broken + self.timeouts
    }

    pub(crate) fn merge(&mut self, other: &Counts) {
        self.arrivals += other.arrivals;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.connect_errors += other.connect_errors;
        self.broken += other.broken;
        self.timeouts += other.timeouts;
        self.overruns += other.overruns;
        self.unfinished += other.unfinished;
        self.body_bytes += other.body_bytes;
    }

    pub(crate) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Answered {
                status, body_bytes, ..
            } => {
                *self.statuses.entry(status.as_u16()).or_default() += 1;
                self.body_bytes += body_bytes;
            }
            Outcome::NotConnected => self.connect_errors += 1,
            Outcome::Broken => self.broken += 1,
            Outcome::TimedOut => self.timeouts += 1,
            Outcome::Overrun => self.overruns += 1,
            Outcome::Unfinished => self.unfinished += 1,
        }
    }
}

impl Quantiles {
    /// Reads a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Quantiles::default();
        }
        let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Quantiles {
            mean: histogram.mean() / 1e3,
            p50: ms(0.5),
            p90: ms(0.9),
            p95: ms(0.95),
            p99: ms(0.99),
            p999: ms(0.999),
            max: histogram.max() as f64 / 1e3,
        }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for value in [self.mean, self.p50, self.p90, self.p99, self.p999, self.max] {
            write!(f, "{value:>10.2}")?;
        }
        Ok(())
    }
}

/// An empty histogram of microseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("invariant: constant bounds are valid")
}

pub(crate) fn as_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
