//! Holds stock for a line of an order, once however often it is asked for.

use super::requests::Reserve;
use super::rules::{MovementKind, ReservationStatus};
use super::store::movements::{self, Movement};
use super::store::reservations::{self, Reservation};
use super::store::stock::{self, Item};
use super::told;
use crate::error::ApiError;
use crate::state::AppState;
use crate::store::{Tx, next_id};
use crate::trace::Trace;

/// What a wish for stock led to.
#[derive(Debug)]
pub(super) enum Held {
    /// Stock was taken.
    Now(Reservation),
    /// The same wish was granted before.
    Before(Reservation),
}

/// Reserves. 404 when the product lies nowhere, 409 when there is not enough of it, when the line
/// was reserved differently, or when its reservation has ended without a sale.
pub(super) async fn reserve(
    state: &AppState,
    trace: &Trace,
    wish: &Reserve,
) -> Result<Held, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    if let Some(line) = of_line(&mut tx, wish).await? {
        return granted_before(wish, line);
    }
    let candidates = stock::candidates(&mut tx, wish).await?;
    let Some(likely) = candidates.first() else {
        return refusal(&mut tx, wish).await;
    };
    // The line before the stock, as those do who end reservations: two that waited for each other
    // would both be in vain.
    let id = next_id(&mut tx, "reservation").await?;
    let Some(line) = reservations::insert(&mut tx, id, wish, likely, now_ms).await? else {
        tx.rollback().await?;
        return lost_to_another(state, wish).await;
    };
    let Some(item) = stock::take(&mut tx, &candidates, wish.quantity, now_ms).await? else {
        tx.rollback().await?;
        return refusal(&mut state.store.begin().await?, wish).await;
    };
    let line = placed(&mut tx, line, &item).await?;
    let became_low = stock::became_low(&mut tx, &item).await?;
    movements::log(&mut tx, now_ms, &[taken(&line)]).await?;
    let mut events = vec![told::reserved(&line, &item)];
    events.extend(became_low.then(|| told::low(&item)));
    told::append(&mut tx, now_ms, trace, events).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Held::Now(line))
}

/// The line, of the item that was taken from.
async fn placed(tx: &mut Tx, line: Reservation, item: &Item) -> sqlx::Result<Reservation> {
    if line.stock_id == item.id {
        return Ok(line);
    }
    let moved = reservations::place(tx, line.id, item).await?;
    Ok(moved.unwrap_or(line))
}

async fn of_line(tx: &mut Tx, wish: &Reserve) -> sqlx::Result<Option<Reservation>> {
    reservations::of_line(tx, &wish.order_id, &wish.product_sku).await
}

fn taken(line: &Reservation) -> Movement {
    Movement {
        sku: line.sku.clone(),
        warehouse: line.warehouse.clone(),
        kind: MovementKind::Reservation,
        quantity: line.quantity,
        order_id: Some(line.order_id.clone()),
        reason: None,
        reference: None,
    }
}

/// Why nothing was taken. Looks for the line again, since the same wish may have taken the last
/// pieces in the meantime.
async fn refusal(tx: &mut Tx, wish: &Reserve) -> Result<Held, ApiError> {
    if let Some(line) = of_line(tx, wish).await? {
        return granted_before(wish, line);
    }
    let (sku, warehouse) = (&wish.product_sku, wish.warehouse_location.as_deref());
    if !stock::exists(tx, sku, warehouse).await? {
        return Err(unknown(sku, warehouse));
    }
    let message = format!("not enough of {sku} in stock for {}", wish.quantity);
    Err(ApiError::conflict(message))
}

/// 404 that names what does not exist.
pub(super) fn unknown(sku: &str, warehouse: Option<&str>) -> ApiError {
    let place = warehouse.map(|name| format!(" in {name}"));
    ApiError::not_found(format!("no stock of {sku}{}", place.unwrap_or_default()))
}

async fn lost_to_another(state: &AppState, wish: &Reserve) -> Result<Held, ApiError> {
    let mut tx = state.store.begin().await?;
    match of_line(&mut tx, wish).await? {
        Some(line) => granted_before(wish, line),
        None => Err(ApiError::unavailable("reservation", "purged meanwhile")),
    }
}

fn granted_before(wish: &Reserve, line: Reservation) -> Result<Held, ApiError> {
    let (order, sku) = (&line.order_id, &line.sku);
    let warehouse = wish.warehouse_location.as_ref();
    let same_place = warehouse.is_none_or(|name| *name == line.warehouse);
    if wish.quantity != line.quantity || !same_place {
        return Err(ApiError::conflict(format!(
            "order {order} has reserved {} of {sku} in {}",
            line.quantity, line.warehouse
        )));
    }
    match line.status {
        ReservationStatus::Active | ReservationStatus::Confirmed => Ok(Held::Before(line)),
        // Holds nothing any more; a late repetition must not take stock for an order given up.
        ended => Err(ApiError::conflict(format!(
            "the reservation of {sku} for order {order} is {}",
            ended.name()
        ))),
    }
}
