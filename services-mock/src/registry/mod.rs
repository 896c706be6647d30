//! Registration in Redis: a record with a lifetime, renewed by heartbeats.

mod heartbeat;
mod record;

pub(crate) use heartbeat::Registration;
