//! Webhooks, and what is on its way to them.

use axum::extract::State;
use http::StatusCode;

use super::super::requests::{DeliveriesWish, NewWebhook};
use super::super::store::deliveries::{self, Delivery, STANDING};
use super::super::store::subscriptions;
use super::super::wire::{DeliveryBody, PageBody, WebhookBody};
use crate::auth::{Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::openapi::GuardedErrors;
use crate::state::AppState;
use crate::store::next_id;

/// Subscribes an address to events
///
/// Each event is posted as JSON, at least once and in any order, with `X-Webhook-Signature:
/// sha256=<hex HMAC-SHA256 of the body>`, `X-Webhook-Id` (the same when it is sent again),
/// `X-Webhook-Timestamp` (milliseconds since 1970, not signed) and `traceparent`. An answer in the
/// 200s within 5 s takes it; else it is sent again after 1 s, 2 s, 4 s and so on, up to 8 times.
#[utoipa::path(post, path = "/api/payments/webhooks", tag = "webhooks", security(("bearer" = [])),
    request_body = NewWebhook,
    responses(
        (status = 201, description = "The subscription", body = WebhookBody),
        (status = 409, description = "There are 50 already", body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Json(new): Json<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookBody>), ApiError> {
    caller.require(&[Role::Admin])?;
    new.check()?;
    let mut tx = state.store.begin().await?;
    // Taken first: whoever subscribes at the same time counts after this.
    let id = next_id(&mut tx, "webhook").await?;
    if subscriptions::count(&mut tx).await? >= subscriptions::MOST {
        return Err(ApiError::conflict("there are 50 webhooks already"));
    }
    let subscription = subscriptions::insert(&mut tx, id, &new, state.now_ms()).await?;
    tx.commit().await?;
    Ok(created(subscription.into()))
}

/// All subscriptions, without their secrets
#[utoipa::path(get, path = "/api/payments/webhooks", tag = "webhooks", security(("bearer" = [])),
    responses((status = 200, description = "The first first", body = Vec<WebhookBody>),
        GuardedErrors))]
pub(in super::super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<WebhookBody>>, ApiError> {
    caller.require(&[Role::Admin])?;
    let all = subscriptions::all(state.store.pool()).await?;
    Ok(Json(all.into_iter().map(WebhookBody::from).collect()))
}

/// Ends a subscription; what is still to be sent to it is given up
#[utoipa::path(delete, path = "/api/payments/webhooks/{id}", tag = "webhooks",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The subscription's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such subscription", body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.require(&[Role::Admin])?;
    let mut tx = state.store.begin().await?;
    if !subscriptions::delete(&mut tx, id).await? {
        return Err(ApiError::not_found(format!("no webhook with id {id}")));
    }
    deliveries::end_of_webhook(&mut tx, id, state.now_ms()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Events on their way to webhooks, or sent, the latest first
#[utoipa::path(get, path = "/api/payments/webhooks/deliveries", tag = "webhooks",
    security(("bearer" = [])), params(DeliveriesWish),
    responses((status = 200, description = "A page", body = PageBody<DeliveryBody>),
        GuardedErrors))]
pub(in super::super) async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    Query(wish): Query<DeliveriesWish>,
) -> Result<Json<PageBody<DeliveryBody>>, ApiError> {
    caller.require(&[Role::Admin])?;
    let page = wish.page();
    page.check()?;
    let total = deliveries::count(&state.store, wish.status).await?;
    let found = deliveries::list(&state.store, wish.status, page).await?;
    let content = found.into_iter().map(DeliveryBody::from).collect();
    Ok(Json(PageBody::new(content, page, total)))
}

/// Sends an event again, or at once, with all attempts before it
#[utoipa::path(post, path = "/api/payments/webhooks/deliveries/{id}/redeliver", tag = "webhooks",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "The delivery, PENDING", body = DeliveryBody),
        (status = 404, description = "No such delivery", body = ErrorBody),
        (status = 409, description = "It is being sent right now, or its subscription is gone",
         body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<DeliveryBody>, ApiError> {
    caller.require(&[Role::Admin])?;
    let delivery = deliveries::by_id(&state.store, id).await?;
    let missing = || ApiError::not_found(format!("no delivery with id {id}"));
    check_subscription(&state, &delivery.ok_or_else(missing)?).await?;
    let renewed = deliveries::renew(&state, id).await?;
    let busy = || ApiError::conflict(format!("delivery {id} is being sent right now"));
    let renewed = renewed.ok_or_else(busy)?;
    state.wake.tasks();
    Ok(Json(renewed.into()))
}

async fn check_subscription(state: &AppState, delivery: &Delivery) -> Result<(), ApiError> {
    let webhook = delivery.webhook;
    if webhook != STANDING
        && subscriptions::secret(&state.store, webhook)
            .await?
            .is_none()
    {
        return Err(ApiError::conflict(format!("webhook {webhook} was deleted")));
    }
    Ok(())
}
