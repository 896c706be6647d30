//! The one form that the six service modules have, so that `service` can treat them alike.

use std::pin::Pin;

use utoipa_axum::router::OpenApiRouter;

use crate::error::ApiError;
use crate::state::AppState;
use crate::store::Migration;
use crate::tasks::Task;

/// What an instance does once before it serves.
pub(crate) type Seeding = Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send>>;

/// What a service module offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// What the service is for, in its OpenAPI document.
    pub(crate) about: &'static str,
    /// Its tables.
    pub(crate) migrations: &'static [Migration],
    /// Its routes with their documentation.
    pub(crate) routes: fn() -> OpenApiRouter<AppState>,
    /// Its background tasks, beside the relay of events that every service has.
    pub(crate) tasks: fn(&AppState) -> Vec<Task>,
    /// Puts in place what must be there; every instance does it at every start.
    pub(crate) seed: fn(AppState) -> Seeding,
}

/// For a service that needs nothing in place.
pub(crate) fn no_seed(_: AppState) -> Seeding {
    Box::pin(std::future::ready(Ok(())))
}

/// For a service without background tasks of its own.
pub(crate) fn no_tasks(_: &AppState) -> Vec<Task> {
    Vec::new()
}
