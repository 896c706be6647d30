//! Edge load balancer whose upstream choice is made by a model, per request.
//!
//! The modules are declared in reading order, and each one imports only modules declared
//! above it (`tests/layering.rs` checks this). `docs/life-of-a-request.md` walks through them.

pub mod clock;
pub mod config;

pub mod filter;
pub mod discovery;
pub mod health;
pub mod upstream;
pub mod decision_log;
pub mod balance;
pub mod topology;

pub mod proxy;
pub mod control;
pub mod admin;
pub mod server;
pub mod command;
pub mod demo;
