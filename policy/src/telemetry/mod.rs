//! Live statistics, written as requests go by and read by policies. Whether an endpoint may
//! be used at all (health, ejection) is decided elsewhere.

mod cut;
mod cell;
mod decay;
mod report;
mod flying;
mod latency;
mod errors;
mod peak;
mod health;
mod load_trend;
mod response_times;
mod cluster;
mod reading;
mod endpoint_stats;
mod in_flight;

pub use cluster::{ASSUMED_LATENCY_SECONDS, ClassReading, ClusterStats};
pub(crate) use cut::cut;
pub use decay::{Decaying, keep};
pub use endpoint_stats::{EndpointStats, RECENT_SENDS_SECONDS};
pub use errors::ERROR_DECAY_SECONDS;
pub use health::HealthReading;
pub use in_flight::InFlight;
pub use latency::RelativeLatency;
pub use load_trend::LoadTrend;
pub use peak::{PEAK_DECAY_SECONDS, Peak, UNKNOWN_PART};
pub use reading::Reading;
pub use report::{LoadReport, Reported, Throughput};
pub use response_times::ResponseTimes;
