//! The figures of journeys: per step, per kind of shopper and per host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::figures::{Counts, Quantiles, as_us, histogram};
use crate::journeys::ledger::Ledger;
use crate::journeys::shopper::Shopper;
use crate::journeys::step::Step;
use crate::journeys::timeline::Timeline;
use crate::outcome::Outcome;

/// How requests ended and how long they took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Requests {
    /// How they ended, one by one.
    #[serde(flatten)]
    pub counts: Counts,
    /// How they ended, in classes.
    pub classes: Classes,
    /// Answers of any status, and timeouts with the time waited.
    pub latency_ms: Quantiles,
}

/// Requests by class of status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Classes {
    /// 2xx, and 1xx if there were any.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// 3xx.
    #[serde(rename = "3xx")]
    pub redirect: u64,
    /// 4xx.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// 5xx and above.
    #[serde(rename = "5xx")]
    pub server_error: u64,
    /// No answer: no connection, a broken one, a timeout, or cut off by the end of the run.
    pub none: u64,
}

/// How journeys ended. Every arrival ends in exactly one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Journeys {
    /// Begun at their time.
    pub begun: u64,
    /// Came to their last step.
    pub completed: u64,
    /// Could not go on after this step.
    pub abandoned: BTreeMap<Step, u64>,
    /// Underway when the run was cancelled or cut off.
    pub unfinished: u64,
    /// Not begun, because too many were underway.
    pub overruns: u64,
}

/// How a journey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Abandoned(Step),
    Unfinished,
}

#[derive(Debug)]
pub(crate) struct StepTally {
    pub(crate) counts: Counts,
    pub(crate) latency: Histogram<u64>,
}

#[derive(Debug)]
pub(crate) struct Tally {
    /// What times are counted from.
    pub(crate) start: Instant,
    pub(crate) all: StepTally,
    pub(crate) by_shopper: BTreeMap<(Shopper, Step), StepTally>,
    pub(crate) by_host: BTreeMap<usize, StepTally>,
    pub(crate) by_host_and_step: BTreeMap<(usize, Step), StepTally>,
    pub(crate) shoppers: BTreeMap<Shopper, Journeys>,
    pub(crate) hosts: BTreeMap<usize, Journeys>,
    pub(crate) lateness: Histogram<u64>,
    /// From the confirmation of an order until it was seen settled.
    pub(crate) settling: Histogram<u64>,
    pub(crate) timeline: Timeline,
    pub(crate) ledger: Ledger,
    pub(crate) recent: StepTally,
}

impl Journeys {
    /// Ended before their last step.
    pub fn all_abandoned(&self) -> u64 {
        self.abandoned.values().sum()
    }

    pub(crate) fn ended(&self) -> u64 {
        self.completed + self.all_abandoned() + self.unfinished
    }

    pub(crate) fn end(&mut self, end: End) {
        match end {
            End::Completed => self.completed += 1,
            End::Abandoned(step) => *self.abandoned.entry(step).or_default() += 1,
            End::Unfinished => self.unfinished += 1,
        }
    }

    pub(crate) fn plus(mut self, other: &Journeys) -> Journeys {
        self.begun += other.begun;
        self.completed += other.completed;
        self.unfinished += other.unfinished;
        self.overruns += other.overruns;
        for (step, count) in &other.abandoned {
            *self.abandoned.entry(*step).or_default() += count;
        }
        self
    }
}

impl Classes {
    fn of(counts: &Counts) -> Self {
        let within = |from: u16, to: u16| counts.statuses.range(from..to).map(|(_, n)| n).sum();
        Classes {
            success: within(0, 300),
            redirect: within(300, 400),
            client_error: within(400, 500),
            server_error: counts.server_errors(),
            none: counts.unanswered() + counts.unfinished,
        }
    }
}

impl StepTally {
    pub(crate) fn new() -> Self {
        StepTally {
            counts: Counts::default(),
            latency: histogram(),
        }
    }

    pub(crate) fn add(&mut self, outcome: &Outcome, latency: Duration) {
        self.counts.arrivals += 1;
        self.counts.add(outcome);
        if outcome.was_waited_for() {
            self.latency.saturating_record(as_us(latency));
        }
    }

    pub(crate) fn merge(&mut self, other: &StepTally) {
        self.counts.merge(&other.counts);
        let merged = self.latency.add(&other.latency);
        debug_assert!(merged.is_ok(), "both have the same bounds");
    }

    pub(crate) fn requests(&self) -> Requests {
        Requests {
            counts: self.counts.clone(),
            classes: Classes::of(&self.counts),
            latency_ms: Quantiles::of(&self.latency),
        }
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Tally {
            start: Instant::now(),
            all: StepTally::new(),
            by_shopper: BTreeMap::new(),
            by_host: BTreeMap::new(),
            by_host_and_step: BTreeMap::new(),
            shoppers: BTreeMap::new(),
            hosts: BTreeMap::new(),
            lateness: histogram(),
            settling: histogram(),
            timeline: Timeline::new(),
            ledger: Ledger::default(),
            recent: StepTally::new(),
        }
    }

    pub(crate) fn count_request(
        &mut self,
        (shopper, host, step): (Shopper, usize, Step),
        outcome: &Outcome,
        latency: Duration,
    ) {
        let tallies = [
            &mut self.all,
            &mut self.recent,
            in_group(&mut self.by_shopper, (shopper, step)),
            in_group(&mut self.by_host, host),
            in_group(&mut self.by_host_and_step, (host, step)),
        ];
        for tally in tallies {
            tally.add(outcome, latency);
        }
        self.timeline.at(self.start.elapsed()).count(outcome);
    }

    /// The counts of a journey: of its shopper and of its host.
    pub(crate) fn journeys(&mut self, shopper: Shopper, host: usize) -> [&mut Journeys; 2] {
        [
            self.shoppers.entry(shopper).or_default(),
            self.hosts.entry(host).or_default(),
        ]
    }

    pub(crate) fn all_journeys(&self) -> Journeys {
        let shoppers = self.shoppers.values();
        shoppers.fold(Journeys::default(), Journeys::plus)
    }
}

fn in_group<K: Ord>(groups: &mut BTreeMap<K, StepTally>, key: K) -> &mut StepTally {
    groups.entry(key).or_insert_with(StepTally::new)
}
