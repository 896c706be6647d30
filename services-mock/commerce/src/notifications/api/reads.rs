//! The endpoints that show notifications: everybody their own, and any to those who run the shop.

use axum::extract::State;

use super::super::names::NotificationStatus;
use super::super::paging::{PageBody, PageWish, Span};
use super::super::store::Notification;
use super::super::store::deliveries;
use super::super::store::queries::{self, Filter};
use super::requests::Whose;
use super::wire::{DeliveryBody, HealthBody, NotificationBody, StatsBody, SummaryBody};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::openapi::{GuardedErrors, PublicErrors};
use crate::state::AppState;

const DAY_MS: i64 = 86_400_000;

type Page = Result<Json<PageBody<NotificationBody>>, ApiError>;

/// Notifications page by page, the latest first
#[utoipa::path(get, path = "/api/notifications", tag = "notifications",
    security(("bearer" = [])), params(PageWish),
    responses((status = 200, description = "A page", body = PageBody<NotificationBody>),
        GuardedErrors))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(wish): Query<PageWish>,
) -> Page {
    let filter = Filter::of(whose(&caller, wish.user_id)?);
    page(&state, filter, wish.span()?).await
}

/// The caller's unless somebody else's are asked for; 403 where they may not be.
fn whose(caller: &Caller, user_id: Option<i64>) -> Result<i64, ApiError> {
    let user_id = user_id.unwrap_or(caller.user_id);
    caller.require_access(user_id)?;
    Ok(user_id)
}

async fn page(state: &AppState, filter: Filter, span: Span) -> Page {
    let total = queries::count(&state.store, filter).await?;
    let found = queries::list(&state.store, filter, span.size, span.offset()).await?;
    let bodies = found.into_iter().map(NotificationBody::from).collect();
    Ok(Json(PageBody::new(bodies, span, total)))
}

/// Notifications of a status, the latest first
#[utoipa::path(get, path = "/api/notifications/status/{status}", tag = "notifications",
    security(("bearer" = [])),
    params(("status" = NotificationStatus, Path, description = "The status"), PageWish),
    responses((status = 200, description = "A page", body = PageBody<NotificationBody>),
        GuardedErrors))]
pub(crate) async fn by_status(
    State(state): State<AppState>,
    caller: Caller,
    Path(status): Path<NotificationStatus>,
    Query(wish): Query<PageWish>,
) -> Page {
    let filter = Filter {
        status: Some(status),
        ..Filter::of(whose(&caller, wish.user_id)?)
    };
    page(&state, filter, wish.span()?).await
}

/// Notifications that are to be sent later, the latest made first
#[utoipa::path(get, path = "/api/notifications/scheduled", tag = "notifications",
    security(("bearer" = [])), params(PageWish),
    responses((status = 200, description = "A page", body = PageBody<NotificationBody>),
        GuardedErrors))]
pub(crate) async fn scheduled(
    State(state): State<AppState>,
    caller: Caller,
    Query(wish): Query<PageWish>,
) -> Page {
    let filter = Filter {
        status: Some(NotificationStatus::Pending),
        scheduled_after_ms: Some(state.now_ms()),
        ..Filter::of(whose(&caller, wish.user_id)?)
    };
    page(&state, filter, wish.span()?).await
}

/// Notifications counted by status and type
#[utoipa::path(get, path = "/api/notifications/stats", tag = "notifications",
    security(("bearer" = [])), params(Whose),
    responses((status = 200, description = "Counts", body = StatsBody), GuardedErrors))]
pub(crate) async fn stats(
    State(state): State<AppState>,
    caller: Caller,
    Query(wish): Query<Whose>,
) -> Result<Json<StatsBody>, ApiError> {
    let user_id = whose(&caller, wish.user_id)?;
    let counts = queries::counts(&state.store, user_id, state.now_ms() - DAY_MS).await?;
    Ok(Json(StatsBody::new(&counts)))
}

/// How notifications stand
#[utoipa::path(get, path = "/api/notifications/summary", tag = "notifications",
    security(("bearer" = [])), params(Whose),
    responses((status = 200, description = "Counts", body = SummaryBody), GuardedErrors))]
pub(crate) async fn summary(
    State(state): State<AppState>,
    caller: Caller,
    Query(wish): Query<Whose>,
) -> Result<Json<SummaryBody>, ApiError> {
    let user_id = whose(&caller, wish.user_id)?;
    let counts = queries::counts(&state.store, user_id, state.now_ms() - DAY_MS).await?;
    Ok(Json(SummaryBody::new(&counts)))
}

/// A notification
#[utoipa::path(get, path = "/api/notifications/{id}", tag = "notifications",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The notification's id")),
    responses(
        (status = 200, description = "The notification", body = NotificationBody),
        (status = 404, description = "No such notification", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn by_id(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<NotificationBody>, ApiError> {
    let notification = accessible(&state, &caller, id).await?;
    Ok(Json(notification.into()))
}

/// 404 when there is no such notification, 403 when it is somebody else's.
pub(super) async fn accessible(
    state: &AppState,
    caller: &Caller,
    id: i64,
) -> Result<Notification, ApiError> {
    let found = queries::by_id(&state.store, id).await?;
    let missing = || ApiError::not_found(format!("no notification with id {id}"));
    let notification = found.ok_or_else(missing)?;
    caller.require_access(notification.content.user_id)?;
    Ok(notification)
}

/// How a notification fares on each of its channels
#[utoipa::path(get, path = "/api/notifications/{id}/deliveries", tag = "notifications",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The notification's id")),
    responses(
        (status = 200, description = "One for each channel", body = Vec<DeliveryBody>),
        (status = 404, description = "No such notification", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Vec<DeliveryBody>>, ApiError> {
    let notification = accessible(&state, &caller, id).await?;
    let found = deliveries::of_notification(&state.store, notification.id).await?;
    Ok(Json(found.into_iter().map(DeliveryBody::from).collect()))
}

/// Whether the service and its store work
#[utoipa::path(get, path = "/health", tag = "health",
    responses((status = 200, description = "They do", body = HealthBody), PublicErrors))]
pub(crate) async fn health(State(state): State<AppState>) -> Result<Json<HealthBody>, ApiError> {
    sqlx::query("SELECT 1").execute(state.store.pool()).await?;
    Ok(Json(HealthBody {
        status: "UP",
        service: state.settings.service.name(),
    }))
}
