//! Orders and the saga that carries them out.

mod changes;
mod checkout;
mod handlers;
mod requests;
mod rules;
mod saga;
mod store;
#[cfg(test)]
mod tests;
mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::{Parts, no_seed};
use crate::state::AppState;
use crate::store::Migration;

/// What `order-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Orders and the saga that carries them out.",
    migrations: MIGRATIONS,
    routes,
    tasks: saga::tasks,
    seed: no_seed,
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "common",
        sql: include_str!("../../migrations/orders/0001_common.sql"),
    },
    Migration {
        number: 2,
        name: "orders",
        sql: include_str!("../../migrations/orders/0002_orders.sql"),
    },
];

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(handlers::create))
        .routes(routes!(handlers::health))
        .routes(routes!(handlers::reconciliation))
        .routes(routes!(handlers::own))
        .routes(routes!(handlers::own_paginated))
        .routes(routes!(handlers::by_number))
        .routes(routes!(handlers::by_status))
        .routes(routes!(handlers::by_id))
        .routes(routes!(handlers::history))
        .routes(routes!(changes::put_status))
        .routes(routes!(changes::cancel))
}
