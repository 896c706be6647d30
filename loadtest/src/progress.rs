//! What a run has measured so far; readable while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::figures::{Counts, Quantiles, as_us, histogram};
use crate::outcome::Outcome;

/// A shared view of a run. Clones see the same run.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<Tally>>);

/// A look at a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Counts since the start of the run.
    pub total: Counts,
    /// Latency since the last look ([`Progress::look`]), or the start.
    pub recent_latency_ms: Quantiles,
    /// Requests ended since the last look.
    pub recent: u64,
}

#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) latency: Histogram<u64>,
    /// Answers below 500, and timeouts with the time waited.
    pub(crate) success_latency: Histogram<u64>,
    pub(crate) lateness: Histogram<u64>,
    pub(crate) header_values: BTreeMap<String, u64>,
    recent_latency: Histogram<u64>,
    recent: u64,
}

/// Header values beyond so many are counted together: a header that is different on each answer
/// must not eat the memory.
const MOST_HEADER_VALUES: usize = 256;
const OTHER_VALUES: &str = "(other)";
/// Longer header values are counted by their beginning.
const LONGEST_HEADER_VALUE: usize = 128;

impl Progress {
    /// A view of a run to come; hand a clone to [`crate::run_with_progress`].
    pub fn new() -> Self {
        Progress(Arc::new(Mutex::new(Tally {
            counts: Counts::default(),
            latency: histogram(),
            success_latency: histogram(),
            lateness: histogram(),
            header_values: BTreeMap::new(),
            recent_latency: histogram(),
            recent: 0,
        })))
    }

    /// Takes a look and begins a new span of recent figures: meant for one reader.
    pub fn look(&self) -> Snapshot {
        let mut tally = self.tally();
        let snapshot = Snapshot {
            total: tally.counts.clone(),
            recent_latency_ms: Quantiles::of(&tally.recent_latency),
            recent: tally.recent,
        };
        tally.recent_latency.reset();
        tally.recent = 0;
        snapshot
    }

    pub(crate) fn count_sent(&self, lateness: Duration) {
        let mut tally = self.tally();
        tally.counts.arrivals += 1;
        tally.lateness.saturating_record(as_us(lateness));
    }

    /// `latency` counts from the intended start.
    pub(crate) fn count_end(&self, outcome: &Outcome, latency: Duration) {
        let mut tally = self.tally();
        tally.counts.add(outcome);
        tally.recent += 1;
        if outcome.was_waited_for() {
            let us = as_us(latency);
            tally.latency.saturating_record(us);
            tally.recent_latency.saturating_record(us);
            if !outcome.is_server_error() {
                tally.success_latency.saturating_record(us);
            }
        }
        if let Outcome::Answered { counted, .. } = outcome {
            let value = counted.as_ref().map(|value| value.as_bytes());
            tally.count_header_value(value);
        }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Progress {
    fn default() -> Self {
        Progress::new()
    }
}

impl Tally {
    fn count_header_value(&mut self, value: Option<&[u8]>) {
        let Some(value) = value else { return };
        let value = &value[..value.len().min(LONGEST_HEADER_VALUE)];
        let value = String::from_utf8_lossy(value);
        let room = self.header_values.len() < MOST_HEADER_VALUES;
        let known = room || self.header_values.contains_key(value.as_ref());
        let counted = if known { value.as_ref() } else { OTHER_VALUES };
        *self.header_values.entry(counted.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, StatusCode};

    fn answered(counted: Option<&str>) -> Outcome {
        Outcome::Answered {
            status: StatusCode::OK,
            body_bytes: 1,
            counted: counted.map(|value| HeaderValue::from_str(value).unwrap()),
        }
    }

    #[test]
    fn recent_figures_begin_anew_with_each_look_and_totals_do_not() {
        let progress = Progress::new();
        progress.count_end(&answered(None), Duration::from_millis(100));
        let first = progress.look();
        assert_eq!((first.recent, first.total.answered()), (1, 1));
        assert!((99.0..101.0).contains(&first.recent_latency_ms.p50));
        progress.count_end(&answered(None), Duration::from_millis(10));
        let second = progress.look();
        assert_eq!((second.recent, second.total.answered()), (1, 2));
        assert!((9.9..10.1).contains(&second.recent_latency_ms.max));
    }

    #[test]
    fn endless_header_values_are_counted_together() {
        let progress = Progress::new();
        for number in 0..1000 {
            let value = number.to_string();
            progress.count_end(&answered(Some(&value)), Duration::ZERO);
        }
        let tally = progress.tally();
        assert_eq!(tally.header_values.len(), MOST_HEADER_VALUES + 1);
        assert_eq!(
            tally.header_values[OTHER_VALUES],
            1000 - MOST_HEADER_VALUES as u64
        );
    }

    #[test]
    fn timeouts_count_into_latency_and_broken_connections_do_not() {
        let progress = Progress::new();
        progress.count_end(&Outcome::TimedOut, Duration::from_secs(5));
        progress.count_end(&Outcome::Broken, Duration::from_millis(1));
        progress.count_end(&Outcome::NotConnected, Duration::from_millis(1));
        let tally = progress.tally();
        assert_eq!(tally.latency.len(), 1);
        assert!(
            tally.latency.min() >= 4_990_000,
            "not the 1 ms of the failures"
        );
    }
}
