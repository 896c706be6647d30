//! The averages that the C3 policy ranks by (Suresh et al., NSDI 2015): the queue that an
//! endpoint reports, its service time, and the response time seen from here.

use super::cell::F32Cell;

/// Weight of a new sample.
const ALPHA: f32 = 0.1;

/// The averages of C3, as read for a decision; all 0 before the first response.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResponseTimes {
    /// Reported requests in flight.
    pub queue: f32,
    /// Estimated seconds of service for one request: latency over requests in flight there.
    pub service_seconds: f32,
    /// Seconds from sending to the response header.
    pub response_seconds: f32,
}

#[derive(Debug)]
pub(super) struct ResponseTimesCell {
    queue: F32Cell,
    service_seconds: F32Cell,
    response_seconds: F32Cell,
}

impl ResponseTimesCell {
    pub(super) const fn new() -> Self {
        Self {
            queue: F32Cell::new(0.0),
            service_seconds: F32Cell::new(0.0),
            response_seconds: F32Cell::new(0.0),
        }
    }

    /// Takes in a latency seen with `load` other requests in flight. Under the endpoint's lock.
    pub(super) fn record(&self, seconds: f32, load: f32) {
        approach_or_start(&self.response_seconds, seconds);
        approach_or_start(&self.service_seconds, seconds / (1.0 + load.max(0.0)));
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
            response_seconds: self.response_seconds.load(),
        }
    }
}

fn approach_or_start(cell: &F32Cell, sample: f32) {
    if cell.load() > 0.0 {
        cell.approach(sample, ALPHA);
    } else {
        cell.store(sample);
    }
}
