//! The requests that are still somewhere: waited for by a balancer, or at a server that has not
//! heard that nobody waits any more. Places are reused, so that a long run needs no more memory
//! than its busiest moment.

use crate::arrivals::Incoming;
use lb_policy::{
    request::Outcome,
    telemetry::{InFlight, LoadReport},
    time::Timestamp,
};
use std::ops::{Index, IndexMut};

/// One request.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) incoming: Incoming,
    /// The server of the present attempt, and the ones tried before.
    pub(crate) server: usize,
    pub(crate) tried: Vec<usize>,
    /// Counts at the balancer; `None` once it has given up.
    pub(crate) in_flight: Option<InFlight>,
    /// Whether a server or an event still knows of it.
    pub(crate) is_somewhere: bool,
    /// When it reached the server, and how many it met there.
    pub(crate) reached_at: Timestamp,
    pub(crate) met: usize,
    /// The answer on its way back.
    pub(crate) answer: Answer,
    /// What an observer calls the present attempt.
    pub(crate) token: Option<usize>,
}

/// What comes back from a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) report: Option<LoadReport>,
}

/// All of them, each at a place of its own.
#[derive(Debug, Default)]
pub(crate) struct OpenRequests {
    places: Vec<OpenRequest>,
    free: Vec<u32>,
}

impl OpenRequests {
    pub(crate) fn add(&mut self, incoming: Incoming) -> u32 {
        if let Some(place) = self.free.pop() {
            self[place].reuse(incoming);
            return place;
        }
        let place = u32::try_from(self.places.len()).expect("memory ends before 2^32 requests");
        self.places.push(OpenRequest::new(incoming));
        place
    }

    /// Frees a place if neither the balancer nor a server knows of its request any more.
    pub(crate) fn free_if_done(&mut self, place: u32) {
        let request = &self[place];
        if request.in_flight.is_none() && !request.is_somewhere {
            self.free.push(place);
        }
    }

    /// Requests that a balancer still waits for, in no particular order.
    pub(crate) fn waited_for(&self) -> impl Iterator<Item = &OpenRequest> {
        let places = self.places.iter();
        places.filter(|request| request.in_flight.is_some())
    }

    /// Places in use.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

impl Index<u32> for OpenRequests {
    type Output = OpenRequest;

    fn index(&self, place: u32) -> &OpenRequest {
        &self.places[place as usize]
    }
}

impl IndexMut<u32> for OpenRequests {
    fn index_mut(&mut self, place: u32) -> &mut OpenRequest {
        &mut self.places[place as usize]
    }
}

impl OpenRequest {
    fn new(incoming: Incoming) -> Self {
        Self {
            incoming,
            server: 0,
            tried: Vec::new(),
            in_flight: None,
            is_somewhere: false,
            reached_at: Timestamp::ZERO,
            met: 0,
            answer: Answer::broken(),
            token: None,
        }
    }

    /// Keeps the memory of `tried`.
    fn reuse(&mut self, incoming: Incoming) {
        let mut tried = std::mem::take(&mut self.tried);
        tried.clear();
        *self = Self {
            tried,
            ..Self::new(incoming)
        };
    }
}

impl Answer {
    /// A connection that broke: no answer, and no report with it.
    pub(crate) const fn broken() -> Self {
        Self {
            outcome: Outcome::ConnectionError,
            report: None,
        }
    }
}
