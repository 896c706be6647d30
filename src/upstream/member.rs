//! One endpoint of a cluster with all that is kept of it: telemetry, health, ejection and
//! metric series.

use super::metrics::EndpointMetrics;
use arc_swap::ArcSwap;
use lb_policy::{
    readiness::{HealthState, Outlier},
    telemetry::EndpointStats,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Shared by every topology that names the endpoint, so that a reload keeps what is known.
#[derive(Debug)]
pub struct Member {
    stats: Arc<EndpointStats>,
    address: ArcSwap<SocketAddr>,
    enabled: AtomicBool,
    pub(super) health: HealthState,
    pub(super) outlier: Outlier,
    pub(super) metrics: EndpointMetrics,
}

impl Member {
    pub(super) fn new(
        stats: Arc<EndpointStats>,
        address: SocketAddr,
        metrics: EndpointMetrics,
    ) -> Self {
        Self {
            stats,
            address: ArcSwap::from_pointee(address),
            enabled: AtomicBool::new(true),
            health: HealthState::default(),
            outlier: Outlier::default(),
            metrics,
        }
    }

    /// Identity and telemetry.
    pub fn stats(&self) -> &Arc<EndpointStats> {
        &self.stats
    }

    /// Where to connect now; a host name may resolve to another address later.
    pub fn address(&self) -> SocketAddr {
        **self.address.load()
    }

    /// Metric series of this endpoint.
    pub fn metrics(&self) -> &EndpointMetrics {
        &self.metrics
    }

    /// Whether its source lets it have traffic.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    /// Whether its checks pass.
    pub fn is_healthy(&self) -> bool {
        self.health.is_healthy()
    }

    /// Whether it was never checked nor assumed healthy.
    pub fn needs_first_check(&self) -> bool {
        !self.health.is_known()
    }

    /// Whether outlier detection has taken it out.
    pub fn is_ejected(&self) -> bool {
        self.outlier.is_ejected()
    }

    /// Whether it gets traffic while the cluster does not panic.
    pub fn is_ready(&self) -> bool {
        self.is_enabled() && self.is_healthy() && !self.is_ejected()
    }

    pub(super) fn declare(&self, address: SocketAddr, weight: u32, enabled: bool) {
        if self.address() != address {
            self.address.store(Arc::new(address));
        }
        self.stats.set_weight(weight);
        self.enabled.store(enabled, Relaxed);
    }
}
