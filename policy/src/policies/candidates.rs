//! The set of endpoints that may take a request, with what is derived from the set alone.

use super::{ring_hash::Ring, round_robin::Schedule};
use crate::telemetry::EndpointStats;
use std::sync::{Arc, OnceLock};

/// The endpoints that may take a request, with what policies derive from the set alone.
/// Made when membership, weights or readiness change, never per request.
#[derive(Debug)]
pub struct Candidates {
    endpoints: Vec<Arc<EndpointStats>>,
    schedule: OnceLock<Schedule>,
    cumulative_weights: OnceLock<Vec<u64>>,
    ring: OnceLock<Ring>,
}

impl Candidates {
    /// A set in the given order.
    pub fn new(endpoints: Vec<Arc<EndpointStats>>) -> Self {
        Self {
            endpoints,
            schedule: OnceLock::new(),
            cumulative_weights: OnceLock::new(),
            ring: OnceLock::new(),
        }
    }

    /// The endpoints.
    pub fn endpoints(&self) -> &[Arc<EndpointStats>] {
        &self.endpoints
    }

    /// The order of weighted round robin.
    pub(super) fn schedule(&self) -> &Schedule {
        self.schedule.get_or_init(|| Schedule::of(&self.weights()))
    }

    /// Sum of the weights up to and including each endpoint.
    pub(super) fn cumulative_weights(&self) -> &[u64] {
        self.cumulative_weights.get_or_init(|| {
            let weights = self
                .endpoints
                .iter()
                .map(|endpoint| u64::from(endpoint.weight()));
            weights
                .scan(0u64, |sum, weight| {
                    *sum += weight;
                    Some(*sum)
                })
                .collect()
        })
    }

    /// The hash ring.
    pub(super) fn ring(&self) -> &Ring {
        self.ring.get_or_init(|| Ring::of(&self.endpoints))
    }

    fn weights(&self) -> Vec<u32> {
        self.endpoints
            .iter()
            .map(|endpoint| endpoint.weight())
            .collect()
    }
}
