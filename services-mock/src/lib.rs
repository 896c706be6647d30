//! Mock commerce services: real queueing, faults on demand, load reports and registration in Redis.
//!
//! A module uses only modules above its own line.

mod duration_text;
mod service;
mod timestamp;

mod service_time;

mod faults;
mod gate;
mod load;
mod metrics;
mod settings;

mod instance;

mod server;

mod registry;

mod mock;

pub use duration_text::{BadDuration, parse_duration};
pub use faults::{Active, BadFault, Fault, Order};
pub use metrics::Counts;
pub use mock::{Mock, Running, StartError};
pub use service::{Service, UnknownService};
pub use service_time::{BadServiceTime, ServiceTime};
pub use settings::{BadSetting, RegistrySettings, Settings};
