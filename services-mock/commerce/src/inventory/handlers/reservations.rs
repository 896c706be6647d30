//! Reservations: made and ended by staff, in practice by the order service.

use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::ending;
use super::super::requests::Reserve;
use super::super::reserving::{self, Held};
use super::super::rules::{Ending, ReservationStatus};
use super::super::store::reservations::{self, Reservation};
use super::STAFF;
use crate::auth::Caller;
use crate::clock::iso_local;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path};
use crate::openapi::GuardedErrors;
use crate::order_id::OrderId;
use crate::state::AppState;
use crate::trace::Trace;

/// Stock held for a line of an order, or what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reservation)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReservationView {
    reservation_id: i64,
    order_id: OrderId,
    product_sku: String,
    reserved_quantity: i64,
    warehouse_location: String,
    status: ReservationStatus,
    expires_at: String,
    created_at: String,
    /// Whether the goods are held or sold.
    success: bool,
    message: String,
}

impl ReservationView {
    fn of(line: Reservation, message: impl Into<String>) -> ReservationView {
        let held = [ReservationStatus::Active, ReservationStatus::Confirmed];
        ReservationView {
            reservation_id: line.id,
            order_id: line.order_id,
            product_sku: line.sku,
            reserved_quantity: line.quantity,
            warehouse_location: line.warehouse,
            success: held.contains(&line.status),
            status: line.status,
            expires_at: iso_local(line.expires_ms),
            created_at: iso_local(line.created_ms),
            message: message.into(),
        }
    }
}

/// All reservations of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderReservations {
    order_id: OrderId,
    reservations: Vec<ReservationView>,
}

impl OrderReservations {
    fn of(order_id: OrderId, lines: Vec<Reservation>) -> OrderReservations {
        let views = lines.into_iter().map(|line| {
            let message = line.status.name();
            ReservationView::of(line, message)
        });
        OrderReservations {
            reservations: views.collect(),
            order_id,
        }
    }
}

/// Holds stock for a line of an order; the same request again answers the same reservation
#[utoipa::path(post, path = "/api/inventory/reserve", tag = "reservations",
    security(("bearer" = [])), request_body = Reserve,
    responses(
        (status = 201, description = "Held", body = ReservationView),
        (status = 200, description = "Was held before by the same request", body = ReservationView),
        (status = 404, description = "The product does not lie there", body = ErrorBody),
        (status = 409, description = "Not enough in stock, reserved differently before, or \
                                      released or expired since", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn reserve(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Json(wish): Json<Reserve>,
) -> Result<(StatusCode, Json<ReservationView>), ApiError> {
    caller.require(&STAFF)?;
    wish.check()?;
    let (status, line, message) = match reserving::reserve(&state, &trace, &wish).await? {
        Held::Now(line) => (StatusCode::CREATED, line, "reserved"),
        Held::Before(line) => (StatusCode::OK, line, "reserved before"),
    };
    Ok((status, Json(ReservationView::of(line, message))))
}

/// Gives held stock back; done before counts as done
#[utoipa::path(post, path = "/api/inventory/release/{id}", tag = "reservations",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The reservation's number")),
    responses(
        (status = 200, description = "Released", body = String, content_type = "text/plain"),
        (status = 404, description = "No such reservation", body = ErrorBody),
        (status = 409, description = "It was confirmed", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn release(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Path(id): Path<i64>,
) -> Result<String, ApiError> {
    caller.require(&STAFF)?;
    let line = ending::one(&state, &trace, id, Ending::Release).await?;
    Ok(format!("reservation {id} is {}", line.status.name()))
}

/// Takes held stock out of the warehouse for good; done before counts as done
#[utoipa::path(post, path = "/api/inventory/confirm/{id}", tag = "reservations",
    security(("bearer" = [])),
    params(("id" = i64, Path, description = "The reservation's number")),
    responses(
        (status = 200, description = "Confirmed", body = String, content_type = "text/plain"),
        (status = 404, description = "No such reservation", body = ErrorBody),
        (status = 409, description = "It was released or expired", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn confirm(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Path(id): Path<i64>,
) -> Result<String, ApiError> {
    caller.require(&STAFF)?;
    let line = ending::one(&state, &trace, id, Ending::Confirm).await?;
    Ok(format!("reservation {id} is {}", line.status.name()))
}

/// Gives back all that is held for an order, or nothing; an order without any is released
#[utoipa::path(post, path = "/api/inventory/release/order/{orderId}", tag = "reservations",
    security(("bearer" = [])),
    params(("orderId" = String, Path, description = "The order's number")),
    responses(
        (status = 200, description = "All are released or expired", body = OrderReservations),
        (status = 409, description = "One was confirmed; nothing was changed", body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn release_order(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Path(order): Path<String>,
) -> Result<Json<OrderReservations>, ApiError> {
    caller.require(&STAFF)?;
    let order = OrderId::from(order);
    let lines = ending::order(&state, &trace, &order, Ending::Release).await?;
    Ok(Json(OrderReservations::of(order, lines)))
}

/// Takes out all that is held for an order, or nothing
#[utoipa::path(post, path = "/api/inventory/confirm/order/{orderId}", tag = "reservations",
    security(("bearer" = [])),
    params(("orderId" = String, Path, description = "The order's number")),
    responses(
        (status = 200, description = "All are confirmed", body = OrderReservations),
        (status = 404, description = "Nothing was reserved for the order", body = ErrorBody),
        (status = 409, description = "One was released or expired; nothing was changed",
         body = ErrorBody),
        GuardedErrors))]
pub(crate) async fn confirm_order(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Path(order): Path<String>,
) -> Result<Json<OrderReservations>, ApiError> {
    caller.require(&STAFF)?;
    let order = OrderId::from(order);
    let lines = ending::order(&state, &trace, &order, Ending::Confirm).await?;
    Ok(Json(OrderReservations::of(order, lines)))
}

/// What is held for an order
#[utoipa::path(get, path = "/api/inventory/reservations/order/{orderId}", tag = "reservations",
    security(("bearer" = [])),
    params(("orderId" = String, Path, description = "The order's number")),
    responses((status = 200, description = "Reservations, none for an unknown order",
               body = OrderReservations), GuardedErrors))]
pub(crate) async fn of_order(
    State(state): State<AppState>,
    caller: Caller,
    Path(order): Path<String>,
) -> Result<Json<OrderReservations>, ApiError> {
    caller.require(&STAFF)?;
    let order = OrderId::from(order);
    let lines = reservations::of_order(state.store.pool(), &order).await?;
    Ok(Json(OrderReservations::of(order, lines)))
}
