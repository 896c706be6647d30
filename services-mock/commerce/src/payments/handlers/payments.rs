//! Payments and refunds.

use axum::extract::State;
use http::{HeaderMap, StatusCode};

use super::super::paying::{self, Asked, Paid};
use super::super::refunding::{self, missing};
use super::super::requests::{PageWish, Pay, Refund, idempotency_key};
use super::super::store::payments;
use super::super::wire::{PageBody, PaymentBody};
use super::STAFF;
use crate::auth::{Bearer, Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::openapi::{CallerErrors, GuardedErrors};
use crate::order_id::OrderId;
use crate::state::AppState;
use crate::trace::Trace;

type Answer = Result<(StatusCode, Json<PaymentBody>), ApiError>;

/// Pays
///
/// The payment is COMPLETED or FAILED at once. The same Idempotency-Key answers with the same
/// payment, and so does the same order unless its payments failed. A customer pays for an order what
/// it costs; without an order any amount.
#[utoipa::path(post, path = "/api/payments", tag = "payments", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = Pay,
    responses(
        (status = 201, description = "The payment, COMPLETED or FAILED", body = PaymentBody),
        (status = 200, description = "The payment that was made before", body = PaymentBody),
        (status = 409, description = "The key was used for another payment, the order is paid by \
                                      another user or with another amount, or costs something else",
         body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Bearer(token): Bearer,
    trace: Trace,
    headers: HeaderMap,
    Json(wish): Json<Pay>,
) -> Answer {
    caller.require(&[Role::User, Role::Admin, Role::Service])?;
    let charge = wish.read()?;
    caller.require_access(charge.user_id)?;
    let key = idempotency_key(&headers)?;
    let asked = Asked {
        caller: &caller,
        token: &token,
        trace: &trace,
        key: key.as_deref(),
    };
    let (status, payment) = match paying::pay(&state, asked, &charge).await? {
        Paid::Now(payment) => (StatusCode::CREATED, payment),
        Paid::Before(payment) => (StatusCode::OK, payment),
    };
    Ok((status, Json(payment.into())))
}

/// Pays; the same as `POST /api/payments`
#[utoipa::path(post, path = "/api/payments/process", tag = "payments", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = Pay,
    responses(
        (status = 201, description = "The payment, COMPLETED or FAILED", body = PaymentBody),
        (status = 200, description = "The payment that was made before", body = PaymentBody),
        (status = 409, description = "The key was used for another payment, the order is paid by \
                                      another user or with another amount, or costs something else",
         body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn process(
    state: State<AppState>,
    caller: Caller,
    token: Bearer,
    trace: Trace,
    headers: HeaderMap,
    wish: Json<Pay>,
) -> Answer {
    create(state, caller, token, trace, headers, wish).await
}

/// A payment
#[utoipa::path(get, path = "/api/payments/{paymentId}", tag = "payments",
    security(("bearer" = [])),
    params(("paymentId" = String, Path, description = "PAY-<uuid>")),
    responses(
        (status = 200, description = "The payment", body = PaymentBody),
        (status = 404, description = "No such payment", body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn by_id(
    State(state): State<AppState>,
    caller: Caller,
    Path(payment_id): Path<String>,
) -> Result<Json<PaymentBody>, ApiError> {
    let payment = payments::by_payment_id(&state.store, &payment_id).await?;
    let payment = payment.ok_or_else(|| missing(&payment_id))?;
    caller.require_access(payment.user_id)?;
    Ok(Json(payment.into()))
}

/// The payment of an order: the one it is paid by, else the latest that failed
#[utoipa::path(get, path = "/api/payments/order/{orderId}", tag = "payments",
    security(("bearer" = [])),
    params(("orderId" = String, Path, description = "The order's id")),
    responses(
        (status = 200, description = "The payment", body = PaymentBody),
        (status = 404, description = "No payment of such an order", body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn of_order(
    State(state): State<AppState>,
    caller: Caller,
    Path(order): Path<String>,
) -> Result<Json<PaymentBody>, ApiError> {
    let order = OrderId::from(order);
    let asking_user = (!caller.is_privileged()).then_some(caller.user_id);
    let payment = payments::of_order(&state.store, &order, asking_user).await?;
    let missing = || ApiError::not_found(format!("no payment of order {order}"));
    let payment = payment.ok_or_else(missing)?;
    caller.require_access(payment.user_id)?;
    Ok(Json(payment.into()))
}

/// The caller's payments page by page, the latest first
#[utoipa::path(get, path = "/api/payments/user", tag = "payments", security(("bearer" = [])),
    params(PageWish),
    responses((status = 200, description = "A page", body = PageBody<PaymentBody>), CallerErrors))]
pub(in super::super) async fn own(
    State(state): State<AppState>,
    caller: Caller,
    Query(page): Query<PageWish>,
) -> Result<Json<PageBody<PaymentBody>>, ApiError> {
    page.check()?;
    let total = payments::count_of_user(&state.store, caller.user_id).await?;
    let own = payments::of_user(&state.store, caller.user_id, page).await?;
    let content = own.into_iter().map(PaymentBody::from).collect();
    Ok(Json(PageBody::new(content, page, total)))
}

/// Gives a payment back, in part or whole
///
/// It stays COMPLETED with a `refundAmount` until all of it is back; then it is REFUNDED. The same
/// Idempotency-Key answers the same again; without one each request is another refund.
#[utoipa::path(post, path = "/api/payments/{paymentId}/refund", tag = "payments",
    security(("bearer" = [])),
    params(("paymentId" = String, Path, description = "PAY-<uuid>"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = Refund,
    responses(
        (status = 200, description = "The payment after the refund", body = PaymentBody),
        (status = 404, description = "No such payment", body = ErrorBody),
        (status = 409, description = "More than is left, nothing was paid, or the key was used \
                                      for another refund of the payment", body = ErrorBody),
        GuardedErrors))]
pub(in super::super) async fn refund(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Path(payment_id): Path<String>,
    headers: HeaderMap,
    Json(wish): Json<Refund>,
) -> Result<Json<PaymentBody>, ApiError> {
    caller.require(&STAFF)?;
    wish.check(&payment_id)?;
    let key = idempotency_key(&headers)?;
    let payment = refunding::refund(&state, &trace, &wish, key.as_deref()).await?;
    Ok(Json(payment.into()))
}
