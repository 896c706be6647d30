//! The endpoints that make notifications and change their status.

use axum::extract::State;
use http::StatusCode;

use super::super::names::NotificationStatus;
use super::super::store::{self, Notification, changes};
use super::composing;
use super::reads::accessible;
use super::requests::{CreateNotification, PutStatus, Reason};
use super::wire::NotificationBody;
use crate::auth::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::openapi::CallerErrors;
use crate::openapi::GuardedErrors;
use crate::state::AppState;
use crate::trace::Trace;

/// How often a change is tried on a notification that is being sent at the same time, which changes
/// its status twice at most.
const TRIES: u32 = 4;

/// Notifies somebody, at once or at a time
///
/// Users notify themselves. What is sent on a channel is kept as a delivery, which waits for quiet
/// hours to end and is rejected by the user's preferences and limits.
#[utoipa::path(post, path = "/api/notifications", tag = "notifications",
    security(("bearer" = [])),
    request_body = CreateNotification,
    responses((status = 201, description = "The notification", body = NotificationBody),
        CallerErrors))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Json(wish): Json<CreateNotification>,
) -> Result<(StatusCode, Json<NotificationBody>), ApiError> {
    let now_ms = state.now_ms();
    let times = wish.checked(now_ms)?;
    let (content, deliveries) = composing::compose(&state, &caller, wish, times).await?;
    let mut tx = state.store.begin().await?;
    let made = store::insert(&mut tx, now_ms, &trace, &content, &deliveries).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(created(made.into()))
}

/// Sets a notification's status, as the states may follow each other
///
/// What is not sent by then is rejected, unless the status is PROCESSING. From SENT, DELIVERED says
/// that it arrived and FAILED that it came back.
#[utoipa::path(put, path = "/api/notifications/{id}/status", tag = "notifications",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The notification's id")),
    request_body = PutStatus,
    responses(
        (status = 200, description = "The notification", body = NotificationBody),
        (status = 404, description = "No such notification", body = ErrorBody),
        (status = 409, description = "The notification is changing; try again", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn put_status(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(wish): Json<PutStatus>,
) -> Result<Json<NotificationBody>, ApiError> {
    wish.check()?;
    let reason = wish.reason.as_deref();
    let changed = make(&state, &caller, id, wish.status, reason).await?;
    Ok(Json(changed.into()))
}

/// Cancels a notification: what is not sent yet will not be
#[utoipa::path(delete, path = "/api/notifications/{id}", tag = "notifications",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The notification's id"), Reason),
    responses(
        (status = 204, description = "It is cancelled"),
        (status = 404, description = "No such notification", body = ErrorBody),
        (status = 409, description = "The notification is changing; try again", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(reason): Query<Reason>,
) -> Result<StatusCode, ApiError> {
    reason.check()?;
    let reason = reason.reason.filter(|reason| !reason.trim().is_empty());
    let reason = reason.as_deref().unwrap_or("cancelled on request");
    let cancelled = NotificationStatus::Cancelled;
    make(&state, &caller, id, cancelled, Some(reason)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the change that the notification's state allows, again on its new state when it changed
/// meanwhile.
async fn make(
    state: &AppState,
    caller: &Caller,
    id: i64,
    to: NotificationStatus,
    reason: Option<&str>,
) -> Result<Notification, ApiError> {
    for _ in 0..TRIES {
        let notification = accessible(state, caller, id).await?;
        let from = notification.status;
        if !from.may_become(to) {
            let (from, to) = (from.name(), to.name());
            let message = format!("status cannot be set from {from} to {to}");
            return Err(ApiError::invalid(message));
        }
        if let Some(changed) = changes::set_status(state, &notification, to, reason).await? {
            return Ok(changed);
        }
    }
    let message = "the notification is changing; try again";
    Err(ApiError::conflict(message))
}
