//! Costs that were computed on a timer, for requests to look up.

use crate::{
    policies::{FallbackReason, scratch::Scratch},
    telemetry::EndpointStats,
    time::Timestamp,
};
use std::{iter::zip, sync::Arc};

/// The costs of a set of endpoints at one time, or why there are none.
#[derive(Debug)]
pub(super) struct Board {
    made_at: Timestamp,
    content: Result<Content, FallbackReason>,
}

#[derive(Debug)]
struct Content {
    entries: Vec<Entry>,
    /// Address of each endpoint and its place in `entries`, in order of the addresses.
    places: Vec<(usize, u32)>,
}

#[derive(Debug)]
struct Entry {
    /// Held, so that its address stays its own as long as the board is used.
    endpoint: Arc<EndpointStats>,
    cost: f32,
    in_flight: f32,
}

impl Board {
    /// A board of endpoints with their costs.
    pub(super) fn new(
        made_at: Timestamp,
        scored: Result<(&[Arc<EndpointStats>], &[f32]), FallbackReason>,
    ) -> Self {
        let content = scored.map(|(endpoints, costs)| Content::new(endpoints, costs));
        Self { made_at, content }
    }

    pub(super) fn made_at(&self) -> Timestamp {
        self.made_at
    }

    /// Draws the candidates that are on the board and puts their costs into the scratch,
    /// corrected by what was sent since: a cost is the log of something that grows with the
    /// queue. A candidate that is not on the board waits for the next one.
    pub(super) fn read(
        &self,
        candidates: &[Arc<EndpointStats>],
        scratch: &mut Scratch,
    ) -> Result<(), FallbackReason> {
        let content = self.content.as_ref().map_err(|reason| *reason)?;
        let Scratch { sampler, costs, .. } = scratch;
        costs.clear();
        sampler.draw_where(candidates.len(), |index| {
            let entry = content.entry(index, &candidates[index]);
            costs.extend(entry.map(Entry::cost_now));
            entry.is_some()
        });
        if costs.is_empty() {
            Err(FallbackReason::Stale)
        } else {
            Ok(())
        }
    }
}

impl Content {
    fn new(endpoints: &[Arc<EndpointStats>], costs: &[f32]) -> Self {
        let entry = |(endpoint, cost): (&Arc<EndpointStats>, &f32)| Entry {
            endpoint: Arc::clone(endpoint),
            cost: *cost,
            in_flight: endpoint.in_flight() as f32,
        };
        let mut places: Vec<_> = zip(endpoints.iter().map(address), 0u32..).collect();
        places.sort_unstable();
        Self {
            entries: zip(endpoints, costs).map(entry).collect(),
            places,
        }
    }

    /// The entry of an endpoint; most often it stands where it stands among the candidates.
    fn entry(&self, index: usize, endpoint: &Arc<EndpointStats>) -> Option<&Entry> {
        let expected = self.entries.get(index);
        if let Some(entry) = expected.filter(|entry| Arc::ptr_eq(&entry.endpoint, endpoint)) {
            return Some(entry);
        }
        let place = self
            .places
            .binary_search_by_key(&address(endpoint), |place| place.0)
            .ok()?;
        self.entries.get(self.places[place].1 as usize)
    }
}

impl Entry {
    fn cost_now(&self) -> f32 {
        let now = self.endpoint.in_flight() as f32;
        self.cost + ((1.0 + now) / (1.0 + self.in_flight)).ln()
    }
}

fn address(endpoint: &Arc<EndpointStats>) -> usize {
    Arc::as_ptr(endpoint).addr()
}
