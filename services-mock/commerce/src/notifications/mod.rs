//! Notifications, their templates and preferences.

mod rules;
mod store;

use utoipa_axum::router::OpenApiRouter;

use crate::parts::{Parts, no_seed, no_tasks};
use crate::state::AppState;
use crate::store::Migration;

/// What `notification-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Notifications, their templates and preferences.",
    migrations: MIGRATIONS,
    routes,
    tasks: no_tasks,
    seed: no_seed,
};

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "common",
    sql: include_str!("../../migrations/notifications/0001_common.sql"),
}];

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
