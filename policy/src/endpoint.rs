//! What an endpoint is: the identity that telemetry, health and metrics are keyed by.

use std::{fmt, sync::Arc};

/// Identifies one endpoint within a cluster, as `host:port` the way it was declared
/// (`127.0.0.1:9001`, `[::1]:9001`, `cart-1.internal:8082`). It outlives reloads and a
/// change of the address that a host name resolves to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(Arc<str>);

impl EndpointId {
    /// Takes the declared `host:port`.
    pub fn new(host_and_port: &str) -> Self {
        Self(Arc::from(host_and_port))
    }

    /// The declared `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
