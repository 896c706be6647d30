//! What integration tests share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes this folder and uses a part"
)]

pub mod edge;
pub mod redis_server;
