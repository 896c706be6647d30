//! The data plane as clients and back ends see it: the real binary, real HTTP, one file a theme.

#[path = "../support/mod.rs"]
mod support;

mod backend;
mod setup;
mod wire;

mod routing;

mod forwarding;
mod framing;

mod limits;

mod failures;

mod retries;

mod in_flight;

mod endpoints;

mod policies;

mod killed;

mod any_bytes;
