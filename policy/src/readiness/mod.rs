//! Whether an endpoint may take traffic at all: thresholds of health checks and ejection of
//! outliers. Pure state machines; who checks and who listens is the caller's business.

mod health;
mod outlier;

pub use health::{Change, HealthState};
pub use outlier::{Outlier, ejections_allowed, stands_out};
