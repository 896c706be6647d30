//! State of one request between Pingora's phases.

use super::failure::Failure;
use crate::{
    balance::{Admission, Attempt, Balancer},
    filter::Identity,
    topology::{RouteEntry, Topology},
    upstream::Member,
};
use lb_policy::{policies::Pick, request::Request, time::Timestamp};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Pingora hands this to every phase of the request.
#[derive(Debug)]
pub struct RequestContext {
    pub(super) started: Timestamp,
    /// Taken once: the request stays in this generation to its end.
    pub(super) topology: Arc<Topology>,
    pub(super) peer: Option<IpAddr>,
    pub(super) identity: Identity,
    pub(super) route_index: Option<usize>,
    pub(super) request: Request,
    pub(super) admission: Option<Admission>,
    /// The attempt under way.
    pub(super) attempt: Option<Attempt>,
    /// Members that failed this request.
    pub(super) tried: Vec<Arc<Member>>,
    pub(super) retry: RetryState,
    pub(super) body_received: usize,
    /// Of the last decision.
    pub(super) pick: Option<Pick>,
    /// Of all decisions together.
    pub(super) decision_time: Duration,
    pub(super) upstream_time: Option<Duration>,
    pub(super) failure: Option<Failure>,
}

/// What has been retried and why.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    pub(super) count: u32,
    /// The last failure was of a pooled connection that had gone stale, not of the endpoint.
    pub(super) stale_connection: bool,
    /// The error on its way up was made by us, to retry a status.
    pub(super) because_of_status: bool,
    /// The last failure could have been made good, had there been an attempt left.
    pub(super) was_refused_by_count: bool,
}

impl RequestContext {
    pub(super) fn new(topology: Arc<Topology>, started: Timestamp) -> Self {
        Self {
            started,
            topology,
            peer: None,
            identity: Identity::default(),
            route_index: None,
            request: Request::default(),
            admission: None,
            attempt: None,
            tried: Vec::new(),
            retry: RetryState::default(),
            body_received: 0,
            pick: None,
            decision_time: Duration::ZERO,
            upstream_time: None,
            failure: None,
        }
    }

    /// The route, once it is known.
    pub(super) fn route(&self) -> Option<&RouteEntry> {
        self.route_index.map(|index| self.topology.route_at(index))
    }

    /// The route's balancer.
    pub(super) fn balancer(&self) -> Option<&Arc<Balancer>> {
        self.route().map(|route| self.topology.balancer(route))
    }
}
