//! What a balancing decision is: the telemetry it reads, the features a model sees, the
//! models that score them and the policies that choose. The proxy, the simulator and the
//! trainer run this same code, so there is no skew between training and serving.
//!
//! No network, no async run time and no clock: time comes in as a [`time::Timestamp`] and
//! chance as a generator. The modules are declared in reading order, and each one imports
//! only modules declared above it.

mod vector;
pub mod time;
pub mod endpoint;
pub mod request;
pub mod readiness;
pub mod retry;
pub mod telemetry;
pub mod features;
pub mod model;
pub mod policies;
