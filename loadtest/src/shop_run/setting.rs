//! What a run is to be.

use std::path::PathBuf;
use std::time::Duration;

/// Policies that the cart service is reached by, each a cluster of its own over the same instances;
/// a shopper's Host header says which.
pub const CART_POLICIES: [&str; 4] = ["learned", "peak_ewma", "least_request", "round_robin"];

/// The six services in the order of their start, and how many instances each has. The carts' third
/// is the one that is degraded.
pub(crate) const SERVICES: [(&str, usize); 6] = [
    ("user", 2),
    ("cart", 3),
    ("order", 2),
    ("inventory", 2),
    ("payment", 2),
    ("notification", 2),
];
/// Name of the degraded instance.
pub(crate) const DEGRADED: &str = "cart-3";

/// The programs and the model of a run.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `ai-loadbalancer`.
    pub proxy: PathBuf,
    /// `services-mock`.
    pub services_mock: PathBuf,
    /// `redis-server`; without it endpoints are static, carts are in the store and events go over
    /// HTTP.
    pub redis: Option<PathBuf>,
    /// Folder of the learned policy's model versions.
    pub model: PathBuf,
}

/// Where the services keep their state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// SQLite files in the run's folder, shared by the instances of a service.
    Sqlite,
    /// A PostgreSQL database, by its URL.
    Postgres(String),
}

/// A run to be.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What to start.
    pub programs: Programs,
    /// Where the services keep their state.
    pub state: State,
    /// How long journeys begin.
    pub length: Duration,
    /// Journeys per second.
    pub rate_per_s: f64,
    /// Seed of the journeys and of the services' chance.
    pub seed: u64,
    /// Mean delay of each request at the degraded cart instance, in ms; 0 leaves it well.
    pub delay_ms: u64,
    /// Whether one instance of each service is killed (SIGKILL) while the journeys go on.
    pub kill: bool,
}
