//! The endpoints that may take a request, and the servers behind them.

use lb_policy::{policies::Candidates, telemetry::EndpointStats};
use std::sync::Arc;

/// Made on a change of membership or readiness, read by every request.
#[derive(Debug)]
pub(crate) struct ReadySet {
    candidates: Candidates,
    /// At the same indices.
    servers: Vec<usize>,
}

impl ReadySet {
    pub(super) fn new(members: impl Iterator<Item = (usize, Arc<EndpointStats>)>) -> Self {
        let (servers, endpoints) = members.unzip();
        Self {
            candidates: Candidates::new(endpoints),
            servers,
        }
    }

    pub(super) fn empty() -> Self {
        Self::new(std::iter::empty())
    }

    pub(crate) fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// Indices of the servers behind the candidates.
    pub(crate) fn servers(&self) -> &[usize] {
        &self.servers
    }

    pub(super) fn without(&self, servers: &[usize]) -> Self {
        Self::new(
            self.members()
                .filter(|(server, _)| !servers.contains(server)),
        )
    }

    /// Whether it has the same endpoints in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (own, others) = (self.candidates.endpoints(), other.candidates.endpoints());
        own.len() == others.len() && own.iter().zip(others).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    fn members(&self) -> impl Iterator<Item = (usize, Arc<EndpointStats>)> + '_ {
        let endpoints = self.candidates.endpoints().iter().map(Arc::clone);
        self.servers.iter().copied().zip(endpoints)
    }
}
