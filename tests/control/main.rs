//! The control plane of the real binary: start, reload, registry, hand-over, end and
//! administration.

#[path = "../support/mod.rs"]
mod support;

mod authored;
mod backends;
mod run_to_end;

mod admin;
mod churn;
mod command;
mod decision_log;
mod models;
mod orders;
mod registry;
mod reload;
mod shutdown;
mod signals;
mod start;
mod storm;
