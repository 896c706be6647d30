//! A seeded open-loop HTTP/1.1 load generator: latency counts from the intended start of a request,
//! so that a stalled server shows in the tail instead of slowing down the load.
//!
//! A module uses only modules above its own line.

mod plan;

mod schedule;

mod outcome;

mod figures;

mod progress;

mod report;

mod connections;

mod client;
mod pace;

mod open_loop;

mod run;

mod table;

pub mod processes;

pub mod journeys;

pub mod shop_run;

pub use figures::{Counts, Quantiles};
pub use plan::{Arrivals, BadPlan, Kind, Plan, Step};
pub use progress::{Progress, Snapshot};
pub use report::Report;
pub use run::{RunError, run, run_with_progress};
pub use table::Table;
