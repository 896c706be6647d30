//! Load that an endpoint tells of itself, over one channel: on its responses, or through the
//! registry. A report is old the moment it arrives, so own sends since then are counted with it.

use super::cell::{F32Cell, TimeCell};
use crate::time::Timestamp;
use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// Load that an endpoint reports of itself; what it does not say stays `None`. NaN and
/// negative numbers count as not said, and large ones are cut on entry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadReport {
    /// Requests in flight at the endpoint, from all balancers. With a response the request that it
    /// answers is among them, as it is among the balancer's own.
    pub in_flight: Option<f32>,
    /// Utilisation, 1.0 is fully busy.
    pub utilization: Option<f32>,
    /// Recent latency as the endpoint sees it, of answers that are no errors.
    pub latency: Option<Duration>,
    /// Requests that the endpoint serves per second, from all balancers.
    pub requests_per_second: Option<f32>,
    /// Errors that it answers per second.
    pub errors_per_second: Option<f32>,
}

/// How much an endpoint gets done by its latest report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throughput {
    /// Requests per second, from all balancers.
    pub requests_per_second: f32,
    /// Errors per second; 0 where the report did not say.
    pub errors_per_second: f32,
    /// Utilisation while it got that much done, 1.0 is fully busy.
    pub utilization: f32,
    /// Seconds since the report came in.
    pub age_seconds: f32,
}

/// The latest report of one channel, as read for a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reported {
    /// Requests in flight at the endpoint when it reported.
    pub in_flight: Option<f32>,
    /// Own requests started less own requests ended since then.
    pub own_since: f32,
    /// Utilisation, 1.0 is fully busy.
    pub utilization: Option<f32>,
    /// Latency as the endpoint sees it, in seconds.
    pub latency_seconds: Option<f32>,
    /// Seconds since the report came in.
    pub age_seconds: f32,
}

/// Beyond these a report is taken for nonsense and cut.
const MAX_IN_FLIGHT: f32 = 1e6;
const MAX_UTILIZATION: f32 = 10.0;
const MAX_LATENCY_SECONDS: f32 = 3600.0;
const MAX_PER_SECOND: f32 = 1e9;
/// Stands for a value that was not reported.
const ABSENT: f32 = f32::NAN;

/// The latest report of one channel, as stored.
#[derive(Debug)]
pub(super) struct ReportCell {
    in_flight: F32Cell,
    utilization: F32Cell,
    latency_seconds: F32Cell,
    requests_per_second: F32Cell,
    errors_per_second: F32Cell,
    /// Own requests in flight when it came: what there are more by now were sent since.
    own_then: AtomicU32,
    at: TimeCell,
}

impl LoadReport {
    /// The same report with only values that a statistic can bear.
    pub(super) fn sane(&self) -> Self {
        let within = |value: Option<f32>, max: f32| value.filter(|v| *v >= 0.0).map(|v| v.min(max));
        Self {
            in_flight: within(self.in_flight, MAX_IN_FLIGHT),
            utilization: within(self.utilization, MAX_UTILIZATION),
            latency: self
                .latency
                .map(|l| l.min(Duration::from_secs_f32(MAX_LATENCY_SECONDS))),
            requests_per_second: within(self.requests_per_second, MAX_PER_SECOND),
            errors_per_second: within(self.errors_per_second, MAX_PER_SECOND),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Reported {
    /// Requests in flight at the endpoint by now: what was reported and own sends since, but
    /// at least the `own` that are known to be there. `None` when the report did not say.
    #[inline]
    pub fn in_flight_now(&self, own: f32) -> Option<f32> {
        self.in_flight
            .map(|reported| (reported + self.own_since).max(own))
    }
}

impl ReportCell {
    pub(super) const fn new() -> Self {
        Self {
            in_flight: F32Cell::new(ABSENT),
            utilization: F32Cell::new(ABSENT),
            latency_seconds: F32Cell::new(ABSENT),
            requests_per_second: F32Cell::new(ABSENT),
            errors_per_second: F32Cell::new(ABSENT),
            own_then: AtomicU32::new(0),
            at: TimeCell::never(),
        }
    }

    /// Replaces the report by a sane one, while `own` requests are in flight. Under the
    /// endpoint's lock.
    pub(super) fn replace(&self, report: &LoadReport, own: u32, now: Timestamp) {
        self.in_flight.store(report.in_flight.unwrap_or(ABSENT));
        self.utilization.store(report.utilization.unwrap_or(ABSENT));
        let latency_seconds = report.latency.map_or(ABSENT, |l| l.as_secs_f32());
        self.latency_seconds.store(latency_seconds);
        self.requests_per_second
            .store(report.requests_per_second.unwrap_or(ABSENT));
        self.errors_per_second
            .store(report.errors_per_second.unwrap_or(ABSENT));
        self.own_then.store(own, Relaxed);
        self.at.store(now);
    }

    /// The report, read while `own` requests are in flight.
    #[inline]
    pub(super) fn read(&self, own: u32, now: Timestamp) -> Option<Reported> {
        let age_seconds = self.at.age_seconds(now)?;
        Some(Reported {
            in_flight: present(self.in_flight.load()),
            own_since: own as f32 - self.own_then.load(Relaxed) as f32,
            utilization: present(self.utilization.load()),
            latency_seconds: present(self.latency_seconds.load()),
            age_seconds,
        })
    }

    /// What the report says of throughput; `None` unless it told requests and utilisation.
    pub(super) fn throughput(&self, now: Timestamp) -> Option<Throughput> {
        Some(Throughput {
            requests_per_second: present(self.requests_per_second.load())?,
            errors_per_second: present(self.errors_per_second.load()).unwrap_or(0.0),
            utilization: present(self.utilization.load())?,
            age_seconds: self.at.age_seconds(now)?,
        })
    }
}

/// Requests in flight at the endpoint by the fresher of two reports, or the `own` ones.
#[inline]
pub(super) fn fused_in_flight(
    piggyback: Option<Reported>,
    registry: Option<Reported>,
    own: f32,
) -> f32 {
    let age = |report: Option<Reported>| report.map_or(f32::INFINITY, |r| r.age_seconds);
    let fresher = if age(piggyback) <= age(registry) {
        piggyback
    } else {
        registry
    };
    let now = fresher.and_then(|report| report.in_flight_now(own));
    now.unwrap_or(own)
}

#[inline]
fn present(value: f32) -> Option<f32> {
    (!value.is_nan()).then_some(value)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn nonsense_in_a_report_counts_as_not_said() {
        let report = LoadReport {
            in_flight: Some(f32::NAN),
            utilization: Some(-1.0),
            requests_per_second: Some(f32::NEG_INFINITY),
            errors_per_second: Some(f32::NAN),
            latency: None,
        };
        assert!(report.sane().is_empty());
    }

    #[test]
    fn huge_values_in_a_report_are_cut() {
        let report = LoadReport {
            in_flight: Some(f32::INFINITY),
            utilization: Some(f32::MAX),
            latency: Some(Duration::MAX),
            requests_per_second: Some(f32::MAX),
            errors_per_second: Some(f32::INFINITY),
        };
        let cell = ReportCell::new();
        cell.replace(&report.sane(), 0, Timestamp::ZERO);
        let read = cell.read(0, Timestamp::ZERO).expect("a report was stored");
        assert_eq!(read.in_flight, Some(MAX_IN_FLIGHT));
        assert_eq!(read.utilization, Some(MAX_UTILIZATION));
        assert_eq!(read.latency_seconds, Some(MAX_LATENCY_SECONDS));
        let told = cell
            .throughput(Timestamp::ZERO)
            .expect("requests and utilisation were told");
        assert_eq!(told.requests_per_second, MAX_PER_SECOND);
        assert_eq!(told.errors_per_second, MAX_PER_SECOND);
    }

    #[test]
    fn throughput_needs_requests_and_utilisation() {
        let cell = ReportCell::new();
        assert_eq!(cell.throughput(Timestamp::ZERO), None);
        let requests = LoadReport {
            requests_per_second: Some(50.0),
            ..LoadReport::default()
        };
        cell.replace(&requests, 0, Timestamp::ZERO);
        assert_eq!(cell.throughput(Timestamp::ZERO), None);
        let both = LoadReport {
            utilization: Some(0.5),
            ..requests
        };
        cell.replace(&both, 0, Timestamp::ZERO);
        let told = cell
            .throughput(Timestamp::from_nanos(2_000_000_000))
            .expect("both were told");
        assert_eq!([told.errors_per_second, told.age_seconds], [0.0, 2.0]);
    }

    #[test]
    fn own_requests_since_the_report_are_added_and_ended_ones_taken_off() {
        let cell = ReportCell::new();
        let report = LoadReport {
            in_flight: Some(3.0),
            ..LoadReport::default()
        };
        cell.replace(&report, 2, Timestamp::ZERO);
        let read = |own| {
            cell.read(own, Timestamp::ZERO)
                .expect("a report was stored")
        };
        assert_eq!(read(3).in_flight_now(3.0), Some(4.0));
        assert_eq!(read(0).in_flight_now(0.0), Some(1.0));
        let read = read(2);
        assert_eq!(
            read.in_flight_now(9.0),
            Some(9.0),
            "own requests are known to be there"
        );
    }
}
