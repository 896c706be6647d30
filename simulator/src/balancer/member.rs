//! One endpoint as one balancer knows it.

use lb_policy::{
    endpoint::EndpointId,
    readiness::{HealthState, Outlier},
    telemetry::EndpointStats,
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// One endpoint of one balancer.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) stats: Arc<EndpointStats>,
    pub(super) health: HealthState,
    pub(super) outlier: Outlier,
    /// What the check that is under way will find: its round trip, or a failure.
    pub(super) check: Option<Option<Duration>>,
}

impl Member {
    /// An endpoint that discovery tells of at `now`. Counts as healthy until a check fails:
    /// the proxy checks new ones at once, which a run leaves out.
    pub(super) fn new(server: usize, weight: u32, now: Timestamp) -> Self {
        let (high, low) = (server >> 8, server & 0xff);
        let id = EndpointId::new(&format!("10.0.{high}.{low}:80"));
        let health = HealthState::default();
        health.assume_healthy();
        Self {
            stats: Arc::new(EndpointStats::new(id, weight, now)),
            health,
            outlier: Outlier::default(),
            check: None,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.health.is_healthy() && !self.outlier.is_ejected()
    }
}
