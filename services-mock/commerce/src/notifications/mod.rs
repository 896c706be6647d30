//! Notifications, their templates and preferences.
//!
//! A notification is sent on one or more channels. What is sent on each is a delivery with a state
//! of its own; the deliveries together decide the notification's. Requests and events of the other
//! services only save what is to be sent; background tasks send it.

mod names;
mod paging;
mod status;
mod webhook_url;

mod templates;

mod preferences;

mod wire;

mod store;

mod delivery;
mod events;

mod api;

#[cfg(test)]
mod tests;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Parts;
use crate::state::AppState;
use crate::store::Migration;
use crate::tasks::Task;
use api::{changes, reads};
use preferences::handlers as preference;
use templates::handlers as template;

/// The user whose notifications are for those who run the shop; no account has this number.
const SYSTEM: i64 = 0;

/// What `notification-service` consists of.
pub(crate) const PARTS: Parts = Parts {
    about: "Notifications, their templates and preferences.",
    migrations: MIGRATIONS,
    routes,
    tasks,
    seed: |state| Box::pin(templates::defaults::seed(state)),
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "common",
        sql: include_str!("../../migrations/notifications/0001_common.sql"),
    },
    Migration {
        number: 2,
        name: "notifications",
        sql: include_str!("../../migrations/notifications/0002_notifications.sql"),
    },
];

fn tasks(state: &AppState) -> Vec<Task> {
    let mut tasks = vec![events::stream::task()];
    tasks.extend(delivery::tasks(state));
    tasks
}

fn routes() -> OpenApiRouter<AppState> {
    let events = OpenApiRouter::new()
        .routes(routes!(api::events::post))
        .layer(DefaultBodyLimit::max(api::events::LARGEST_BODY));
    OpenApiRouter::new()
        .routes(routes!(reads::list, changes::create))
        .routes(routes!(reads::by_status))
        .routes(routes!(reads::scheduled))
        .routes(routes!(reads::stats))
        .routes(routes!(reads::summary))
        .routes(routes!(reads::by_id, changes::cancel))
        .routes(routes!(reads::deliveries))
        .routes(routes!(changes::put_status))
        .routes(routes!(reads::health))
        .merge(events)
        .merge(template_routes())
        .merge(preference_routes())
}

fn template_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(template::list, template::create))
        .routes(routes!(template::by_id, template::change, template::delete))
        .routes(routes!(template::by_name))
        .routes(routes!(template::by_type))
        .routes(routes!(template::by_channel))
        .routes(routes!(template::render))
        .routes(routes!(template::validate))
}

fn preference_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(preference::list, preference::delete_all))
        .routes(routes!(preference::by_type))
        .routes(routes!(preference::by_channel))
        .routes(routes!(
            preference::one,
            preference::put,
            preference::delete
        ))
        .routes(routes!(preference::initialize))
        .routes(routes!(preference::bulk_update))
        .routes(routes!(preference::check))
}
