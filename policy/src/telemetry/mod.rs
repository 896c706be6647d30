//! Live statistics, written as requests go by and read by policies.

use crate::{endpoint::EndpointId, request::{Class, Outcome}, time::Timestamp};
use std::{sync::Arc, time::Duration};

/// Load that an endpoint reports of itself; what it does not say stays `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadReport {
    /// Requests in flight at the endpoint, from all balancers.
    pub in_flight: Option<f32>,
    /// Utilisation, 1.0 is fully busy.
    pub utilization: Option<f32>,
    /// Recent latency as the endpoint sees it.
    pub latency: Option<Duration>,
}

/// What is known of a whole cluster from its own traffic.
#[derive(Debug, Default)]
pub struct ClusterStats {}

/// One endpoint of one cluster together with what is known of it. Survives reloads.
#[derive(Debug)]
pub struct EndpointStats { id: EndpointId }

/// Counts one request while it lives.
#[derive(Debug)]
pub struct InFlight {}

impl EndpointStats {
    /// An endpoint first seen at `now`.
    pub fn new(id: EndpointId, weight: u32, now: Timestamp) -> Self { let _ = (weight, now); Self { id } }
    /// Its identity.
    pub fn id(&self) -> &EndpointId { &self.id }
    /// Relative share of traffic, at least 1.
    pub fn weight(&self) -> u32 { todo!() }
    /// Takes over a weight from discovery.
    pub fn set_weight(&self, weight: u32) { let _ = weight; todo!() }
    /// Own requests in flight.
    pub fn in_flight(&self) -> u32 { todo!() }
    /// Starts counting a request.
    pub fn start(self: &Arc<Self>, cluster: &Arc<ClusterStats>, class: Class, now: Timestamp) -> InFlight { let _ = (cluster, class, now); todo!() }
    /// Takes in a successful health check.
    pub fn record_health_check(&self, rtt: Duration, now: Timestamp) { let _ = (rtt, now); todo!() }
    /// Takes in the load that came with a response.
    pub fn record_report(&self, report: &LoadReport, now: Timestamp) { let _ = (report, now); todo!() }
    /// Takes in the load that the registry tells.
    pub fn record_registry(&self, report: &LoadReport, now: Timestamp) { let _ = (report, now); todo!() }
    /// Notes that it became ready for traffic: new, healthy again or no longer ejected.
    pub fn mark_ready(&self, now: Timestamp) { let _ = now; todo!() }
    /// When it last became ready.
    pub fn ready_since(&self) -> Timestamp { todo!() }
}

impl InFlight {
    /// The response header has come: records latency and result. Body and report may follow.
    pub fn respond(&mut self, outcome: Outcome, now: Timestamp) { let _ = (outcome, now); todo!() }
    /// The request is over. Records `outcome` if nothing was recorded, or if it is worse.
    pub fn finish(self, outcome: Outcome, now: Timestamp) { let _ = (outcome, now); todo!() }
}
