//! What integration tests share.

pub mod redis_server;
