//! Products, stock by warehouse, and reservations of stock.
//!
//! available + reserved = total in every row. Reserving moves from available to reserved,
//! releasing and expiring move back, confirming takes away from reserved and total, adjusting
//! changes available and total.

mod ending;
mod handlers;
mod paging;
mod requests;
mod reserving;
mod rules;
mod seed;
mod stocking;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod told;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Parts;
use crate::state::AppState;
use crate::store::Migration;
use handlers::{audit, items, products, reservations};

/// What `inventory-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Products, stock by warehouse, and reservations of stock.",
    migrations: MIGRATIONS,
    routes,
    tasks: sweep::tasks,
    seed: |state| Box::pin(seed::run(state)),
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "common",
        sql: include_str!("../../migrations/inventory/0001_common.sql"),
    },
    Migration {
        number: 2,
        name: "inventory",
        sql: include_str!("../../migrations/inventory/0002_inventory.sql"),
    },
];

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::by_sku))
        .routes(routes!(products::of_category))
        .routes(routes!(products::search))
        .routes(routes!(items::root))
        .routes(routes!(items::all))
        .routes(routes!(items::list, items::create))
        .routes(routes!(items::create_for_test))
        .routes(routes!(items::low_stock))
        .routes(routes!(items::of_product))
        .routes(routes!(items::in_warehouse))
        .routes(routes!(items::check))
        .routes(routes!(items::adjust))
        .routes(routes!(reservations::reserve))
        .routes(routes!(reservations::release))
        .routes(routes!(reservations::confirm))
        .routes(routes!(reservations::release_order))
        .routes(routes!(reservations::confirm_order))
        .routes(routes!(reservations::of_order))
        .routes(routes!(audit::movements))
        .routes(routes!(audit::reconciliation))
        .routes(routes!(audit::health))
        .routes(routes!(audit::health_of_inventory))
}
