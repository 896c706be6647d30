//! The endpoints of `cart-service`.

use axum::extract::State;
use http::StatusCode;

use super::edits::Desk;
use super::owner::{Owner, Session};
use super::requests::{AddItem, ChangeItem, Conversion, Merge};
use super::wire::{CartBody, SummaryBody};
use crate::auth::{Caller, Role};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query, created};
use crate::openapi::GuardedErrors;
use crate::state::AppState;
use crate::trace::Trace;

/// The caller's cart
///
/// Makes an empty one when there is none.
#[utoipa::path(get, path = "/api/cart", tag = "cart", security((), ("bearer" = [])),
    params(Session),
    responses((status = 200, description = "The cart", body = CartBody), GuardedErrors))]
pub(super) async fn show(
    State(state): State<AppState>,
    owner: Owner,
    trace: Trace,
) -> Result<Json<CartBody>, ApiError> {
    let cart = Desk::new(&state, &trace).cart(&owner).await?;
    Ok(Json(cart.into()))
}

/// The caller's cart in short
///
/// Makes an empty one when there is none.
#[utoipa::path(get, path = "/api/cart/summary", tag = "cart", security((), ("bearer" = [])),
    params(Session),
    responses((status = 200, description = "The cart in short", body = SummaryBody),
              GuardedErrors))]
pub(super) async fn summary(
    State(state): State<AppState>,
    owner: Owner,
    trace: Trace,
) -> Result<Json<SummaryBody>, ApiError> {
    let cart = Desk::new(&state, &trace).cart(&owner).await?;
    Ok(Json(cart.into()))
}

/// Puts a product into the cart
///
/// The quantity adds to what is there, up to 100 together. Name and price are inventory's. 400
/// also for a product that is unknown or not in stock, and for more than 50 products.
#[utoipa::path(post, path = "/api/cart/items", tag = "cart", security((), ("bearer" = [])),
    params(Session), request_body = AddItem,
    responses((status = 201, description = "The cart", body = CartBody), GuardedErrors))]
pub(super) async fn add(
    State(state): State<AppState>,
    owner: Owner,
    trace: Trace,
    Json(item): Json<AddItem>,
) -> Result<(StatusCode, Json<CartBody>), ApiError> {
    item.check()?;
    let cart = Desk::new(&state, &trace).add(&owner, &item).await?;
    Ok(created(cart.into()))
}

/// Gives a product in the cart another quantity
///
/// 0 takes it out. Name and price become those that inventory has now.
#[utoipa::path(put, path = "/api/cart/items", tag = "cart", security((), ("bearer" = [])),
    params(Session), request_body = ChangeItem,
    responses((status = 200, description = "The cart", body = CartBody),
              (status = 404, description = "No cart, or the product is not in it", body = ErrorBody),
              GuardedErrors))]
pub(super) async fn change(
    State(state): State<AppState>,
    owner: Owner,
    trace: Trace,
    Json(item): Json<ChangeItem>,
) -> Result<Json<CartBody>, ApiError> {
    item.check()?;
    let cart = Desk::new(&state, &trace).change(&owner, &item).await?;
    Ok(Json(cart.into()))
}

/// Takes a product out of the cart
#[utoipa::path(delete, path = "/api/cart/items/{productId}", tag = "cart",
    security((), ("bearer" = [])),
    params(Session, ("productId" = String, Path, description = "The product's SKU")),
    responses((status = 204, description = "It is out"),
              (status = 404, description = "No cart, or the product is not in it", body = ErrorBody),
              GuardedErrors))]
pub(super) async fn remove(
    State(state): State<AppState>,
    owner: Owner,
    trace: Trace,
    Path(product_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    Desk::new(&state, &trace)
        .remove(&owner, &product_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Empties the cart
#[utoipa::path(delete, path = "/api/cart", tag = "cart", security((), ("bearer" = [])),
    params(Session),
    responses((status = 204, description = "It is empty"),
              (status = 404, description = "No cart", body = ErrorBody),
              GuardedErrors))]
pub(super) async fn clear(
    State(state): State<AppState>,
    owner: Owner,
    trace: Trace,
) -> Result<StatusCode, ApiError> {
    Desk::new(&state, &trace).clear(&owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a guest's cart to a user's and deletes it
///
/// Who knows the session's id owns the guest's cart. A product's quantities add up to 100 at the
/// most. Other users' carts are for administrators.
#[utoipa::path(post, path = "/api/cart/merge", tag = "cart", security(("bearer" = [])),
    params(Session), request_body = Merge,
    responses((status = 200, description = "The user's cart", body = CartBody),
              (status = 404, description = "No such guest cart", body = ErrorBody),
              GuardedErrors))]
pub(super) async fn merge(
    State(state): State<AppState>,
    caller: Caller,
    session: Session,
    trace: Trace,
    Json(wish): Json<Merge>,
) -> Result<Json<CartBody>, ApiError> {
    let target = target_of(&caller, &wish)?;
    wish.check()?;
    let id = &wish.anonymous_cart_id;
    let session = session.0.as_ref().unwrap_or(id);
    let desk = Desk::new(&state, &trace);
    let cart = desk.merge(session, id, &Owner::User(target)).await?;
    Ok(Json(cart.into()))
}

/// Whose cart grows: 400 when nobody is named and the caller has none.
fn target_of(caller: &Caller, wish: &Merge) -> Result<i64, ApiError> {
    if let Some(target) = wish.target_user_id {
        caller.require_access(target)?;
        return Ok(target);
    }
    if caller.is(Role::User) {
        return Ok(caller.user_id);
    }
    Err(ApiError::invalid("targetUserId must name a user"))
}

/// Empties a user's cart because it became an order
///
/// For the user, administrators and services. Repeated for the same order it answers as at first
/// and leaves alone what was put into the cart since.
#[utoipa::path(post, path = "/api/cart/{userId}/convert-to-order", tag = "cart",
    security(("bearer" = [])),
    params(("userId" = i64, Path, description = "The account's number"), Conversion),
    responses((status = 200, description = "The empty cart", body = CartBody),
              (status = 404, description = "No cart", body = ErrorBody),
              GuardedErrors))]
pub(super) async fn convert(
    State(state): State<AppState>,
    caller: Caller,
    trace: Trace,
    Path(user_id): Path<i64>,
    Query(conversion): Query<Conversion>,
) -> Result<Json<CartBody>, ApiError> {
    caller.require_access(user_id)?;
    conversion.check()?;
    let desk = Desk::new(&state, &trace);
    let owner = Owner::User(user_id);
    let cart = desk.convert(&owner, &conversion.order_id).await?;
    Ok(Json(cart.into()))
}
