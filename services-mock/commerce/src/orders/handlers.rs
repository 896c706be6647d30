//! The endpoints of `order-service` that place orders and show them.

use axum::extract::State;
use http::{HeaderMap, StatusCode};

use super::checkout;
use super::requests::{PageWish, PlaceOrder};
use super::rules::{OrderStatus, PaymentMethod};
use super::saga::DEADLINE_MS;
use super::store::{self, Filter, NewOrder, Order};
use super::wire::{HealthBody, OrderBody, PageBody, PassageBody, ReconciliationBody};
use crate::auth::{Bearer, Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::openapi::{CallerErrors, GuardedErrors};
use crate::state::AppState;
use crate::trace::Trace;

/// Orders in a list without pages, the latest.
const LONGEST_LIST: i64 = 100;

/// Orders what the caller's cart holds
///
/// The order is PENDING at first; stock is reserved and money taken afterwards. With an
/// Idempotency-Key, repeating the request answers with the same order.
#[utoipa::path(post, path = "/api/orders", tag = "orders", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 200 visible characters")),
    request_body = PlaceOrder,
    responses(
        (status = 201, description = "The order", body = OrderBody),
        (status = 409, description = "The key was used for another order", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Bearer(token): Bearer,
    trace: Trace,
    headers: HeaderMap,
    Json(wish): Json<PlaceOrder>,
) -> Result<(StatusCode, Json<OrderBody>), ApiError> {
    caller.require(&[Role::User])?;
    wish.check()?;
    let header = headers.get("Idempotency-Key").map(|value| value.as_bytes());
    let key = wish.key(header)?;
    let fingerprint = wish.fingerprint();
    // Asked first, since the cart may be cleared by now.
    if let Some(order) = placed_before(&state, &caller, key.as_deref(), &fingerprint).await? {
        return Ok(created(order.into()));
    }
    let (lines, total) = checkout::lines(&state, &trace, &token).await?;
    let now_ms = state.now_ms();
    let new = NewOrder {
        order_number: state.ids.order_number(now_ms),
        user_id: caller.user_id,
        user_email: caller.email.clone(),
        total,
        payment_method: wish.payment_method.unwrap_or(PaymentMethod::CreditCard),
        shipping_address: wish.shipping_address,
        notes: wish.notes,
        idempotency_key: key.clone(),
        fingerprint,
        deadline_ms: now_ms + DEADLINE_MS,
        lines,
    };
    place(&state, &caller, &trace, &new).await
}

async fn place(
    state: &AppState,
    caller: &Caller,
    trace: &Trace,
    new: &NewOrder,
) -> Result<(StatusCode, Json<OrderBody>), ApiError> {
    if let Some(order) = store::insert(state, trace, new).await? {
        return Ok(created(order.into()));
    }
    // The same request was faster on another way.
    let key = new.idempotency_key.as_deref();
    let order = placed_before(state, caller, key, &new.fingerprint).await?;
    let missing = || ApiError::unavailable("order", "key taken by an order that is not there");
    Ok(created(order.ok_or_else(missing)?.into()))
}

/// The order that the caller placed with this key; 409 when it was another one.
async fn placed_before(
    state: &AppState,
    caller: &Caller,
    key: Option<&str>,
    fingerprint: &str,
) -> Result<Option<Order>, ApiError> {
    let Some(key) = key else { return Ok(None) };
    let order = store::by_key(&state.store, caller.user_id, key).await?;
    if order.as_ref().is_some_and(|o| o.fingerprint != fingerprint) {
        let message = format!("Idempotency-Key {key:?} was used for another order");
        return Err(ApiError::conflict(message));
    }
    Ok(order)
}

/// An order, for its customer and for administrators
#[utoipa::path(get, path = "/api/orders/{id}", tag = "orders", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The order's id")),
    responses(
        (status = 200, description = "The order", body = OrderBody),
        (status = 404, description = "No such order", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn by_id(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<OrderBody>, ApiError> {
    let order = accessible(&state, &caller, id).await?;
    Ok(Json(order.into()))
}

/// 404 when there is no such order, 403 when it is somebody else's.
pub(super) async fn accessible(
    state: &AppState,
    caller: &Caller,
    id: i64,
) -> Result<Order, ApiError> {
    let order = store::by_id(&state.store, id).await?;
    let order = order.ok_or_else(|| ApiError::not_found(format!("no order with id {id}")))?;
    caller.require_access(order.user_id)?;
    Ok(order)
}

/// An order by the number that its customer sees
#[utoipa::path(get, path = "/api/orders/number/{orderNumber}", tag = "orders",
    security(("bearer" = [])),
    params(("orderNumber" = String, Path, description = "ORD-<ms>-<8 hex>")),
    responses(
        (status = 200, description = "The order", body = OrderBody),
        (status = 404, description = "No such order", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn by_number(
    State(state): State<AppState>,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<OrderBody>, ApiError> {
    let order = store::by_number(&state.store, &number).await?;
    let missing = || ApiError::not_found(format!("no order with number {number:?}"));
    let order = order.ok_or_else(missing)?;
    caller.require_access(order.user_id)?;
    Ok(Json(order.into()))
}

/// The caller's latest orders, up to 100
#[utoipa::path(get, path = "/api/orders/user", tag = "orders", security(("bearer" = [])),
    responses((status = 200, description = "The latest first", body = Vec<OrderBody>),
        CallerErrors))]
pub(super) async fn own(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Vec<OrderBody>>, ApiError> {
    let filter = Filter {
        user_id: Some(caller.user_id),
        status: None,
    };
    listed(&state, filter).await
}

async fn listed(state: &AppState, filter: Filter) -> Result<Json<Vec<OrderBody>>, ApiError> {
    let orders = store::list(&state.store, filter, LONGEST_LIST, 0).await?;
    Ok(Json(orders.into_iter().map(OrderBody::from).collect()))
}

/// The caller's orders page by page, the latest first
#[utoipa::path(get, path = "/api/orders/user/paginated", tag = "orders", security(("bearer" = [])),
    params(PageWish),
    responses((status = 200, description = "A page", body = PageBody), CallerErrors))]
pub(super) async fn own_paginated(
    State(state): State<AppState>,
    caller: Caller,
    Query(wish): Query<PageWish>,
) -> Result<Json<PageBody>, ApiError> {
    wish.check()?;
    let filter = Filter {
        user_id: Some(caller.user_id),
        status: None,
    };
    let total = store::count(&state.store, filter).await?;
    let offset = wish.page * wish.size;
    let orders = store::list(&state.store, filter, wish.size, offset).await?;
    Ok(Json(PageBody::new(orders, wish, total)))
}

/// Orders of a status, up to 100: the caller's own; everybody's for administrators
#[utoipa::path(get, path = "/api/orders/status/{status}", tag = "orders",
    security(("bearer" = [])),
    params(("status" = OrderStatus, Path, description = "The status")),
    responses((status = 200, description = "The latest first", body = Vec<OrderBody>),
        CallerErrors))]
pub(super) async fn by_status(
    State(state): State<AppState>,
    caller: Caller,
    Path(status): Path<OrderStatus>,
) -> Result<Json<Vec<OrderBody>>, ApiError> {
    let filter = Filter {
        user_id: (!caller.is_privileged()).then_some(caller.user_id),
        status: Some(status),
    };
    listed(&state, filter).await
}

/// How an order came to its status
#[utoipa::path(get, path = "/api/orders/{id}/history", tag = "orders", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The order's id")),
    responses(
        (status = 200, description = "Every status it had, the first first", body = Vec<PassageBody>),
        (status = 404, description = "No such order", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn history(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Vec<PassageBody>>, ApiError> {
    let order = accessible(&state, &caller, id).await?;
    let passages = store::history(&state.store, order.id).await?;
    Ok(Json(passages.into_iter().map(PassageBody::from).collect()))
}

/// All orders added up, to be held against stock and payments
#[utoipa::path(get, path = "/api/orders/reconciliation", tag = "operation",
    security(("bearer" = [])),
    responses((status = 200, description = "Counts and sums", body = ReconciliationBody),
        GuardedErrors))]
pub(super) async fn reconciliation(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<ReconciliationBody>, ApiError> {
    caller.require(&[Role::Admin, Role::Service])?;
    let sums = store::sums(&state.store).await?;
    Ok(Json(ReconciliationBody::new(&sums)))
}

/// Whether the service is there
#[utoipa::path(get, path = "/api/orders/health", tag = "operation",
    responses((status = 200, description = "It is", body = HealthBody)))]
pub(super) async fn health(State(state): State<AppState>) -> Json<HealthBody> {
    Json(HealthBody {
        status: "UP",
        service: state.settings.service.name(),
    })
}
