//! Discrete-event simulation of balancers in front of servers, on a virtual clock. Balancers run
//! the telemetry, features, readiness and policies of `lb-policy`, the very code of the proxy;
//! only servers, network and time are modelled.
//!
//! The modules are declared in reading order, and each one imports only modules declared above
//! it.

pub mod scenario;
pub mod family;
pub mod observer;
pub mod outcome;
mod clock;
mod chance;
mod arrivals;
mod agenda;
mod open_requests;
mod server;
mod oracle;
mod foresight;
mod balancer;
mod tally;
pub mod simulation;
pub mod contender;
pub mod evaluation;
pub mod report;
