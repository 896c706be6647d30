//! Shortest expected delay: latency per request in flight times the queue that a request would
//! join, with factors for errors and for silence. Differs from the study's in that the latency
//! and the errors of long ago fade.

use super::{
    Decision, Pick, Policy,
    choices::{Choices, error_penalty},
    fading::faded,
};
use crate::{telemetry::EndpointStats, time::Timestamp};

/// Cost of an error, in requests.
const ERROR_FACTOR: f32 = 10.0;
/// Cost of waiting for any answer for as long as the mean latency, in requests.
const SILENCE_FACTOR: f32 = 0.5;

/// Chooses the shortest expected delay among all candidates.
#[derive(Debug)]
pub(super) struct ShortestExpectedDelay;

impl Policy for ShortestExpectedDelay {
    fn pick(&self, decision: &mut Decision<'_>) -> Option<Pick> {
        let (mean_seconds, now) = (decision.cluster.mean_latency_seconds(), decision.now);
        Choices::All.lowest(decision, |endpoint| {
            expected_delay(endpoint, mean_seconds, now)
        })
    }
}

/// Expected delay relative to the mean of the request's class, above 0 and finite, in a cluster
/// of mean latency `mean_seconds`.
#[inline]
pub(super) fn expected_delay(endpoint: &EndpointStats, mean_seconds: f32, now: Timestamp) -> f32 {
    let age_seconds = endpoint.since_response_seconds(now);
    let service = faded(endpoint.response_times().service_relative, age_seconds, 1.0);
    let queue = endpoint.fused_in_flight(now) + 1.0;
    let silence = 1.0 + SILENCE_FACTOR * endpoint.silence_seconds(now) / mean_seconds;
    service * queue * silence * error_penalty(endpoint, ERROR_FACTOR, now)
}
