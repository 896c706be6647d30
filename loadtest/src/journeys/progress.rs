//! What a run of journeys has measured so far; readable while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::figures::{Counts, Quantiles, as_us};
use crate::journeys::shopper::Shopper;
use crate::journeys::step::Step;
use crate::journeys::tally::{End, Journeys, StepTally, Tally};
use crate::outcome::Outcome;

/// A shared view of one run. Clones see the same run.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<Tally>>);

/// A look at a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Since the start of the run.
    pub elapsed: Duration,
    /// How journeys ended so far.
    pub journeys: Journeys,
    /// Journeys underway.
    pub underway: u64,
    /// How requests ended so far.
    pub requests: Counts,
    /// Requests ended since the last look ([`Progress::look`]), or the start.
    pub recent: u64,
    /// Their latency.
    pub recent_latency_ms: Quantiles,
    /// Orders confirmed so far.
    pub placed: u64,
}

impl Progress {
    /// A view of a run to come; hand a clone to [`crate::journeys::run_with_progress`].
    pub fn new() -> Self {
        Progress(Arc::new(Mutex::new(Tally::new())))
    }

    /// Takes a look and begins a new span of recent figures: meant for one reader.
    pub fn look(&self) -> Snapshot {
        let mut tally = self.tally();
        let journeys = tally.all_journeys();
        let recent = std::mem::replace(&mut tally.recent, StepTally::new());
        Snapshot {
            elapsed: tally.start.elapsed(),
            underway: journeys.begun - journeys.ended(),
            journeys,
            requests: tally.all.counts.clone(),
            recent: recent.counts.arrivals,
            recent_latency_ms: Quantiles::of(&recent.latency),
            placed: tally.ledger.orders().count() as u64,
        }
    }

    pub(crate) fn start(&self, start: Instant) {
        self.tally().start = start;
    }

    /// Counts a journey as begun, and its end when [`JourneyGuard::end`] is called or it is dropped.
    pub(crate) fn begin(&self, shopper: Shopper, host: usize, lateness: Duration) -> JourneyGuard {
        let mut tally = self.tally();
        tally.lateness.saturating_record(as_us(lateness));
        for journeys in tally.journeys(shopper, host) {
            journeys.begun += 1;
        }
        let now = tally.start.elapsed();
        tally.timeline.at(now).begun += 1;
        JourneyGuard {
            progress: self.clone(),
            shopper,
            host,
            end: End::Unfinished,
        }
    }

    pub(crate) fn count_overrun(&self, shopper: Shopper, host: usize) {
        let mut tally = self.tally();
        for journeys in tally.journeys(shopper, host) {
            journeys.overruns += 1;
        }
        let now = tally.start.elapsed();
        tally.timeline.at(now).overruns += 1;
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

/// A journey underway; unfinished unless its end was told.
#[derive(Debug)]
pub(crate) struct JourneyGuard {
    progress: Progress,
    shopper: Shopper,
    host: usize,
    end: End,
}

impl JourneyGuard {
    pub(crate) fn end(mut self, end: End) {
        self.end = end;
    }

    /// Measures one of its requests.
    pub(crate) fn request(&self, step: Step, from: Instant) -> RequestGuard<'_> {
        RequestGuard {
            journey: self,
            step,
            from,
            outcome: Outcome::Unfinished,
        }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Drop for JourneyGuard {
    fn drop(&mut self) {
        let mut tally = self.progress.tally();
        for journeys in tally.journeys(self.shopper, self.host) {
            journeys.end(self.end);
        }
        let now = tally.start.elapsed();
        tally.timeline.at(now).ended += 1;
    }
}

/// A request underway; unfinished unless its outcome was told.
#[derive(Debug)]
pub(crate) struct RequestGuard<'a> {
    journey: &'a JourneyGuard,
    step: Step,
    from: Instant,
    outcome: Outcome,
}

impl RequestGuard<'_> {
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        let group = (self.journey.shopper, self.journey.host, self.step);
        let latency = self.from.elapsed();
        let mut tally = self.journey.progress.tally();
        tally.count_request(group, &self.outcome, latency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[test]
    fn what_is_dropped_counts_as_unfinished() {
        let progress = Progress::new();
        let journey = progress.begin(Shopper::Quick, 0, Duration::ZERO);
        let answered = Outcome::Answered {
            status: StatusCode::OK,
            body_bytes: 1,
            counted: None,
        };
        journey.request(Step::List, Instant::now()).end(answered);
        drop(journey.request(Step::Add, Instant::now()));
        assert_eq!(progress.look().underway, 1);
        drop(journey);
        let seen = progress.look();
        assert_eq!((seen.underway, seen.journeys.unfinished), (0, 1));
        assert_eq!((seen.requests.answered(), seen.requests.unfinished), (1, 1));
        assert_eq!(seen.recent, 0, "both ended before the look before");
        let tally = progress.tally();
        let add = tally.by_shopper[&(Shopper::Quick, Step::Add)].requests();
        assert_eq!(add.classes.none, 1);
    }
}
