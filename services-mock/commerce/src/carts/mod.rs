//! Shopping carts, of users and of guests: kept for two hours, in Redis where there is one.

mod catalogue;
mod edits;
mod handlers;
mod in_redis;
mod in_sql;
mod owner;
mod requests;
mod rules;
mod store;
mod wire;

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod race_tests;
#[cfg(test)]
mod testing;

use std::time::Duration;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::{Parts, no_seed};
use crate::state::AppState;
use crate::store::Migration;
use crate::tasks::Task;

/// What `cart-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Shopping carts of users and guests; prices and names are those of inventory-service.",
    migrations: MIGRATIONS,
    routes,
    tasks,
    seed: no_seed,
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "common",
        sql: include_str!("../../migrations/carts/0001_common.sql"),
    },
    Migration {
        number: 2,
        name: "carts",
        sql: include_str!("../../migrations/carts/0002_carts.sql"),
    },
];

/// How often expired rows are removed; until then they count as absent.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(60);

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(handlers::show, handlers::clear))
        .routes(routes!(handlers::add, handlers::change))
        .routes(routes!(handlers::remove))
        .routes(routes!(handlers::summary))
        .routes(routes!(handlers::merge))
        .routes(routes!(handlers::convert))
}

/// Redis forgets carts by itself.
fn tasks(state: &AppState) -> Vec<Task> {
    if state.redis.is_some() {
        return Vec::new();
    }
    vec![Task::new(
        "cart-expiry",
        BETWEEN_SWEEPS,
        |state| async move { in_sql::sweep(&state).await },
    )]
}
