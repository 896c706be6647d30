//! What a row of load reports tells beyond the latest one.

use super::{cell::F32Cell, report::LoadReport};

/// Below this a reported utilisation says nothing about capacity.
const MIN_TELLING_UTILIZATION: f32 = 0.05;
const MAX_CAPACITY: f32 = 64.0;

/// Trends over load reports, as read for a decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadTrend {
    /// Moving average of the reported utilisation; 0.3 before any report.
    pub utilization: f32,
    /// Moving average of the requests in flight that other balancers sent there.
    pub others_in_flight: f32,
    /// Estimate of the requests in flight that keep the endpoint fully busy.
    pub capacity: f32,
}

#[derive(Debug)]
pub(super) struct LoadTrendCell {
    utilization: F32Cell,
    others_in_flight: F32Cell,
    capacity: F32Cell,
}

impl LoadTrendCell {
    pub(super) const fn new() -> Self {
        Self {
            utilization: F32Cell::new(0.3),
            others_in_flight: F32Cell::new(0.0),
            capacity: F32Cell::new(2.0),
        }
    }

    /// Takes in a sane report that came with a response, while `own` requests were in flight.
    /// Under the endpoint's lock.
    pub(super) fn record_piggyback(&self, report: &LoadReport, own: f32) {
        if let Some(in_flight) = report.in_flight {
            self.others_in_flight
                .approach((in_flight - own).max(0.0), 0.15);
        }
        if let Some(utilization) = report.utilization {
            self.utilization.approach(utilization, 0.1);
        }
        self.record_capacity(report);
    }

    /// Takes in what a sane report says of capacity. Under the endpoint's lock.
    pub(super) fn record_capacity(&self, report: &LoadReport) {
        let (Some(in_flight), Some(utilization)) = (report.in_flight, report.utilization) else {
            return;
        };
        if utilization > MIN_TELLING_UTILIZATION {
            let capacity = (in_flight / utilization).clamp(0.5, MAX_CAPACITY);
            self.capacity.approach(capacity, 0.1);
        }
    }

    #[inline]
    pub(super) fn read(&self) -> LoadTrend {
        LoadTrend {
            utilization: self.utilization.load(),
            others_in_flight: self.others_in_flight.load(),
            capacity: self.capacity.load(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_where_the_load_would_be_full() {
        let cell = LoadTrendCell::new();
        let report = LoadReport {
            in_flight: Some(4.0),
            utilization: Some(0.5),
            ..LoadReport::default()
        };
        for _ in 0..200 {
            cell.record_piggyback(&report, 1.0);
        }
        let trend = cell.read();
        assert!((trend.capacity - 8.0).abs() < 0.01);
        assert!((trend.others_in_flight - 3.0).abs() < 0.01);
        assert!((trend.utilization - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_report_without_utilisation_leaves_the_capacity() {
        let cell = LoadTrendCell::new();
        let report = LoadReport {
            in_flight: Some(400.0),
            ..LoadReport::default()
        };
        cell.record_piggyback(&report, 0.0);
        assert_eq!(cell.read().capacity, 2.0);
    }
}
