//! Steps that look at a request before it is routed, each of which may refuse it.

mod forwarded;
mod hop_by_hop;
mod limits;
mod trace;
mod upgrade;

pub use forwarded::set_forwarding_headers;
pub use hop_by_hop::strip_hop_by_hop;
pub use trace::Trace;

use crate::config::Runtime;
use forwarded::Forwarded;
use limits::Limits;
use pingora::http::RequestHeader;
use std::net::IpAddr;

/// Why a request is answered by us instead of being routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The declared body is larger than `limits.request_body`.
    BodyTooLarge,
    /// The header lines together are larger than `limits.request_headers`, or too many.
    HeadersTooLarge,
    /// A protocol upgrade, which is not proxied yet.
    UpgradeNotSupported,
}

/// Headers that go upstream in place of the client's own.
#[derive(Debug, Default)]
pub struct Identity {
    /// Request and trace identifiers.
    pub trace: Trace,
    /// Whether the direct peer may be believed about whom it forwards for.
    pub trusted_peer: bool,
}

/// The filters of one topology, in their fixed order: cheap refusals first.
#[derive(Debug)]
pub struct Chain {
    limits: Limits,
    forwarded: Forwarded,
}

impl Chain {
    /// The chain as configured.
    pub fn new(settings: &Runtime) -> Self {
        Self {
            limits: Limits::new(&settings.limits),
            forwarded: Forwarded::new(&settings.trusted_proxies),
        }
    }

    /// Who sent a request, as far as its header and `peer` may be believed.
    pub fn identify(&self, header: &RequestHeader, peer: Option<IpAddr>) -> Identity {
        Identity {
            trace: Trace::of(header),
            trusted_peer: self.forwarded.trusts(peer),
        }
    }

    /// Looks at the header of a request.
    ///
    /// # Errors
    /// The refusal of the first filter that refuses.
    pub fn check(&self, header: &RequestHeader) -> Result<(), Refusal> {
        self.limits.check(header)?;
        upgrade::check(header)
    }
}
