//! Fewest requests in flight for its weight, among a few random candidates or all: own requests
//! (least connections), or those that the endpoint reports (join the shortest queue).

use super::{
    Decision, Pick, Policy,
    choices::{Choices, error_penalty},
};
use crate::{telemetry::EndpointStats, time::Timestamp};

/// Whose requests in flight count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadSource {
    /// Own ones.
    Own,
    /// Everybody's: what came with the last response, and own sends since. Own ones as long as
    /// nothing was reported.
    Reported,
}

/// Chooses the least `(in flight + 1) / weight`, times a factor for errors.
#[derive(Debug)]
pub(super) struct LeastRequest {
    choices: Choices,
    load: LoadSource,
    error_factor: f32,
}

impl LeastRequest {
    pub(super) fn new(choices: Choices, load: LoadSource, error_factor: f32) -> Self {
        Self {
            choices,
            load,
            error_factor,
        }
    }

    fn cost(&self, endpoint: &EndpointStats, now: Timestamp) -> f32 {
        let own = endpoint.in_flight() as f32;
        let in_flight = match self.load {
            LoadSource::Own => own,
            LoadSource::Reported => endpoint
                .piggybacked(now)
                .and_then(|report| report.in_flight_now(own))
                .unwrap_or(own),
        };
        let errors = error_penalty(endpoint, self.error_factor, now);
        (in_flight + 1.0) / endpoint.weight() as f32 * errors
    }
}

impl Policy for LeastRequest {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let now = decision.now;
        self.choices
            .lowest(decision, |endpoint| self.cost(endpoint, now))
    }
}
