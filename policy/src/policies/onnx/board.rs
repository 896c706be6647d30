//! Costs that were computed on a timer, for requests to look up.

use crate::{
    policies::{FallbackReason, by_endpoint::ByEndpoint, scratch::Scratch},
    telemetry::EndpointStats,
    time::Timestamp,
};
use std::{iter::zip, sync::Arc};

/// The costs of a set of endpoints at one time, or why there are none.
#[derive(Debug)]
pub(super) struct Board {
    made_at: Timestamp,
    content: Result<ByEndpoint<Entry>, FallbackReason>,
}

#[derive(Debug)]
struct Entry {
    cost: f32,
    in_flight: f32,
}

impl Board {
    /// A board of endpoints with their costs.
    pub(super) fn new(
        made_at: Timestamp,
        scored: Result<(&[Arc<EndpointStats>], &[f32]), FallbackReason>,
    ) -> Self {
        let entry = |(endpoint, cost): (&Arc<EndpointStats>, &f32)| Entry {
            cost: *cost,
            in_flight: endpoint.in_flight() as f32,
        };
        let content = scored
            .map(|(endpoints, costs)| ByEndpoint::new(endpoints, zip(endpoints, costs).map(entry)));
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
            let endpoint = &candidates[index];
            let entry = content.find(index, endpoint);
            costs.extend(entry.map(|entry| entry.cost_now(endpoint)));
            entry.is_some()
        });
        if costs.is_empty() {
            Err(FallbackReason::Stale)
        } else {
            Ok(())
        }
    }
}

impl Entry {
    fn cost_now(&self, endpoint: &EndpointStats) -> f32 {
        let now = endpoint.in_flight() as f32;
        self.cost + ((1.0 + now) / (1.0 + self.in_flight)).ln()
    }
}
