//! The endpoints of `order-service` that change an order: by its customer or by an administrator.

use axum::extract::State;

use super::handlers::accessible;
use super::requests::{PutStatus, Reason};
use super::rules::{self, Change};
use super::store::{self, Order};
use super::wire::OrderBody;
use crate::auth::{Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::openapi::GuardedErrors;
use crate::state::AppState;

/// How often a change is tried on an order that the saga changes at the same time. The saga makes
/// fewer changes than this in the life of an order.
const TRIES: u32 = 12;

/// Sets an order's status, as the states may follow each other
///
/// SHIPPED and DELIVERED are so at once. CANCELLED and REFUNDED of a paid order begin the refund:
/// the order is REFUNDED once the money is back. All other states are the saga's to say.
#[utoipa::path(put, path = "/api/orders/{id}/status", tag = "orders", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The order's id")),
    request_body = PutStatus,
    responses(
        (status = 200, description = "The order", body = OrderBody),
        (status = 404, description = "No such order", body = ErrorBody),
        (status = 409, description = "The order is changing; try again", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn put_status(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(wish): Json<PutStatus>,
) -> Result<Json<OrderBody>, ApiError> {
    caller.require(&[Role::Admin])?;
    wish.check()?;
    let wanted = wish.status;
    let order = make(&state, &caller, id, |order| {
        let change = rules::by_hand(order.status, order.step, wanted).ok_or_else(|| {
            let (from, to) = (order.status.name(), wanted.name());
            ApiError::invalid(format!("status cannot be set from {from} to {to}"))
        })?;
        Ok(Change {
            reason: wish.reason.clone(),
            ..change
        })
    });
    Ok(Json(order.await?.into()))
}

/// Cancels an order that is not being paid and not shipped
///
/// Before payment it is CANCELLED at once and its stock is given back. When it is paid the money
/// goes back first; then it is REFUNDED.
#[utoipa::path(post, path = "/api/orders/{id}/cancel", tag = "orders", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The order's id"), Reason),
    responses(
        (status = 200, description = "The order", body = OrderBody),
        (status = 404, description = "No such order", body = ErrorBody),
        (status = 409, description = "The order is changing; try again", body = ErrorBody),
        GuardedErrors))]
pub(super) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<i64>,
    Query(reason): Query<Reason>,
) -> Result<Json<OrderBody>, ApiError> {
    reason.check()?;
    let reason = reason.reason.filter(|reason| !reason.trim().is_empty());
    let reason = reason.unwrap_or_else(|| "cancelled on request".into());
    let order = make(&state, &caller, id, |order| {
        let change = rules::cancellation(order.status, order.step);
        let refusal = || {
            let status = order.status.name();
            ApiError::invalid(format!("an order that is {status} cannot be cancelled"))
        };
        Ok(change.ok_or_else(refusal)?.because(reason.clone()))
    });
    Ok(Json(order.await?.into()))
}

/// Makes the change that the order's state allows, again on its new state when the saga was faster.
async fn make(
    state: &AppState,
    caller: &Caller,
    id: i64,
    change_of: impl Fn(&Order) -> Result<Change, ApiError>,
) -> Result<Order, ApiError> {
    for _ in 0..TRIES {
        let order = accessible(state, caller, id).await?;
        let change = change_of(&order)?;
        if let Some(changed) = store::change(state, &order, None, &change).await? {
            return Ok(changed);
        }
    }
    Err(ApiError::conflict("the order is changing; try again"))
}
