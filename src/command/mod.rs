//! Commands beside `run`: each prints its result and ends.

mod healthcheck;
mod model;

pub use healthcheck::healthcheck;
pub use model::{CheckArgs, check_model, print_schema};
