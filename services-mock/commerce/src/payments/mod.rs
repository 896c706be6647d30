//! Payments, refunds and webhooks.
//!
//! A payment is decided in the transaction that writes it, with its events and the deliveries to
//! webhooks: COMPLETED or FAILED, never anything in between. An order is paid at most once; a
//! failed attempt does not keep it from being paid with another key. Refunds of a payment add up,
//! and it is REFUNDED once all of its amount is back; until then it stays COMPLETED.

mod rules;
mod requests;
mod store;
mod wire;
mod webhooks;
mod told;
mod order_check;
mod paying;
mod refunding;
mod handlers;
#[cfg(test)]
mod tests;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::{Parts, no_seed};
use crate::state::AppState;
use crate::store::Migration;
use handlers::{audit, payments, subscriptions};

/// What `payment-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Payments, refunds and webhooks.",
    migrations: MIGRATIONS,
    routes,
    tasks: webhooks::tasks,
    seed: no_seed,
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "common",
        sql: include_str!("../../migrations/payments/0001_common.sql"),
    },
    Migration {
        number: 2,
        name: "payments",
        sql: include_str!("../../migrations/payments/0002_payments.sql"),
    },
];

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(payments::create))
        .routes(routes!(payments::process))
        .routes(routes!(payments::of_order))
        .routes(routes!(payments::own))
        .routes(routes!(payments::by_id))
        .routes(routes!(payments::refund))
        .routes(routes!(subscriptions::create, subscriptions::list))
        .routes(routes!(subscriptions::delete))
        .routes(routes!(subscriptions::deliveries))
        .routes(routes!(subscriptions::redeliver))
        .routes(routes!(audit::reconciliation))
        .routes(routes!(audit::health))
        .routes(routes!(audit::health_of_payments))
}
