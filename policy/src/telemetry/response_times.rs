//! The averages that rankings by expected delay use: the queue that an endpoint reports, its
//! service time, and the response time seen from here (as C3, Suresh et al., NSDI 2015). Where
//! samples are rare, each counts for more: an endpoint that was slow and is seldom tried must
//! not need dozens of tries to lose its name.

use super::{cell::F32Cell, cut::cut, decay::keep};

/// Least weights of a new sample.
const ALPHA: f32 = 0.1;
const RELATIVE_ALPHA: f32 = 0.05;
/// After this time without a sample the next one replaces all but 1/e of the past.
const FORGETTING_SECONDS: f32 = 10.0;
/// Gaps below this add nothing to the weights above.
const MIN_TELLING_GAP_SECONDS: f32 = 0.5;
/// Latencies relative to the class are cut to this range, as everywhere.
const MIN_RELATIVE: f32 = 0.02;
const MAX_RELATIVE: f32 = 40.0;

/// Averages over responses, as read for a decision; all 0 before the first response.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResponseTimes {
    /// Reported requests in flight.
    pub queue: f32,
    /// Estimated seconds of service for one request: latency over requests in flight there.
    pub service_seconds: f32,
    /// The same as a part of the mean latency of the request's class.
    pub service_relative: f32,
    /// Seconds from sending to the response header.
    pub response_seconds: f32,
}

#[derive(Debug)]
pub(super) struct ResponseTimesCell {
    queue: F32Cell,
    service_seconds: F32Cell,
    service_relative: F32Cell,
    response_seconds: F32Cell,
}

/// A latency to take in.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseTime {
    pub(super) seconds: f32,
    /// The same over the mean of the request's class.
    pub(super) relative: f32,
    /// Other requests in flight there.
    pub(super) load: f32,
    /// Seconds since the answer before.
    pub(super) gap_seconds: f32,
}

impl ResponseTimesCell {
    pub(super) const fn new() -> Self {
        Self {
            queue: F32Cell::new(0.0),
            service_seconds: F32Cell::new(0.0),
            service_relative: F32Cell::new(0.0),
            response_seconds: F32Cell::new(0.0),
        }
    }

    /// Takes in a latency. Under the endpoint's lock.
    pub(super) fn record(&self, time: ResponseTime) {
        let forgotten = if time.gap_seconds < MIN_TELLING_GAP_SECONDS {
            0.0
        } else {
            1.0 - keep(time.gap_seconds / FORGETTING_SECONDS)
        };
        let alpha = forgotten.max(ALPHA);
        let per_load = 1.0 / (1.0 + time.load.max(0.0));
        let relative = cut(time.relative, MIN_RELATIVE, MAX_RELATIVE);
        approach_or_start(&self.response_seconds, time.seconds, alpha);
        approach_or_start(&self.service_seconds, time.seconds * per_load, alpha);
        approach_or_start(
            &self.service_relative,
            relative * per_load,
            forgotten.max(RELATIVE_ALPHA),
        );
    }

    /// Takes in a reported queue. Under the endpoint's lock.
    pub(super) fn record_queue(&self, in_flight: f32) {
        self.queue.approach(in_flight, ALPHA);
    }

    #[inline]
    pub(super) fn read(&self) -> ResponseTimes {
        ResponseTimes {
            queue: self.queue.load(),
            service_seconds: self.service_seconds.load(),
            service_relative: self.service_relative.load(),
            response_seconds: self.response_seconds.load(),
        }
    }
}

fn approach_or_start(cell: &F32Cell, sample: f32, alpha: f32) {
    if cell.load() > 0.0 {
        cell.approach(sample, alpha);
    } else {
        cell.store(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_slowness(gap_seconds: f32, samples: u32) -> ResponseTimes {
        let cell = ResponseTimesCell::new();
        let time = |seconds: f32, gap_seconds| ResponseTime {
            seconds,
            relative: seconds / 0.1,
            load: 1.0,
            gap_seconds,
        };
        cell.record(time(4.0, 0.0));
        for _ in 0..samples {
            cell.record(time(0.1, gap_seconds));
        }
        cell.read()
    }

    #[test]
    fn the_first_sample_is_taken_whole_and_shared_out_over_the_load() {
        let read = after_slowness(0.0, 0);
        let all = [
            read.response_seconds,
            read.service_seconds,
            read.service_relative,
        ];
        let near = all
            .iter()
            .zip([4.0, 2.0, 20.0])
            .all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near, "{read:?}");
    }

    #[test]
    fn a_rare_sample_counts_for_more_than_one_of_many() {
        assert!(after_slowness(0.01, 2).response_seconds > 3.0);
        let rare = after_slowness(30.0, 2);
        assert!(rare.response_seconds < 0.12, "{rare:?}");
        assert!(rare.service_relative < 0.6, "{rare:?}");
    }
}
