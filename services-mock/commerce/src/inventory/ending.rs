//! Ends reservations: released, expired or confirmed; one, or all of an order at once.

use super::rules::Ending;
use super::store::movements::{self, Movement};
use super::store::reservations::{self, Reservation};
use super::store::stock::{self, Item};
use super::told;
use crate::error::ApiError;
use crate::order_id::OrderId;
use crate::state::AppState;
use crate::store::Tx;
use crate::trace::Trace;

/// Ends one reservation. One that has ended so before is left as it is; 409 when it ended
/// otherwise, 404 when there is none.
///
/// One whose time is over but that no sweep has met yet still holds its goods, and can be
/// confirmed.
pub(super) async fn one(
    state: &AppState,
    trace: &Trace,
    id: i64,
    ending: Ending,
) -> Result<Reservation, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    if let Some(line) = reservations::end(&mut tx, id, ending.status(), now_ms).await? {
        move_stock(&mut tx, now_ms, trace, ending, vec![line.clone()]).await?;
        tx.commit().await?;
        state.wake.tasks();
        return Ok(line);
    }
    let missing = || ApiError::not_found(format!("no reservation with id {id}"));
    let line = reservations::by_id(&mut tx, id)
        .await?
        .ok_or_else(missing)?;
    agree(ending, &line)?;
    Ok(line)
}

/// Ends all reservations of an order, or none: 409 when one of them has ended otherwise. An order
/// without any has nothing to release, and cannot be confirmed: 404.
pub(super) async fn order(
    state: &AppState,
    trace: &Trace,
    order: &OrderId,
    ending: Ending,
) -> Result<Vec<Reservation>, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    // Ended first and looked at later: what is looked at first may change before it is ended.
    let ended = reservations::end_order(&mut tx, order, ending.status(), now_ms).await?;
    let lines = reservations::of_order(&mut *tx, order).await?;
    if lines.is_empty() && ending == Ending::Confirm {
        let message = format!("no reservations of order {order}");
        return Err(ApiError::not_found(message));
    }
    lines.iter().try_for_each(|line| agree(ending, line))?;
    if !ended.is_empty() {
        move_stock(&mut tx, now_ms, trace, ending, ended).await?;
        tx.commit().await?;
        state.wake.tasks();
    }
    Ok(lines)
}

fn agree(ending: Ending, line: &Reservation) -> Result<(), ApiError> {
    if ending.is_reached_by(line.status) {
        return Ok(());
    }
    Err(ApiError::conflict(format!(
        "reservation {} of {} for order {} is {}",
        line.id,
        line.sku,
        line.order_id,
        line.status.name()
    )))
}

/// Moves the stock of reservations that this transaction ended.
async fn move_stock(
    tx: &mut Tx,
    now_ms: i64,
    trace: &Trace,
    ending: Ending,
    mut lines: Vec<Reservation>,
) -> Result<(), ApiError> {
    // Everybody locks stock in this order.
    lines.sort_unstable_by_key(|line| line.stock_id);
    let mut events = Vec::with_capacity(lines.len());
    for line in &lines {
        let item = change(tx, now_ms, ending, line).await?;
        events.push(told::ended(ending, line, &item));
        let became_low = stock::became_low(tx, &item).await?;
        events.extend(became_low.then(|| told::low(&item)));
    }
    let moved = lines.iter().map(|line| moved(ending, line));
    movements::log(tx, now_ms, &moved.collect::<Vec<_>>()).await?;
    told::append(tx, now_ms, trace, events).await?;
    Ok(())
}

async fn change(
    tx: &mut Tx,
    now_ms: i64,
    ending: Ending,
    line: &Reservation,
) -> Result<Item, ApiError> {
    let changed = match ending {
        Ending::Confirm => stock::send_out(tx, line.stock_id, line.quantity, now_ms).await?,
        Ending::Release | Ending::Expire => {
            stock::put_back(tx, line.stock_id, line.quantity, now_ms).await?
        }
    };
    // Only a bug leads here; the transaction is not committed then.
    let wrong = || ApiError::unavailable("stock", format!("less reserved than {line:?} holds"));
    changed.ok_or_else(wrong)
}

fn moved(ending: Ending, line: &Reservation) -> Movement {
    let expired = || "the reservation expired".to_owned();
    Movement {
        sku: line.sku.clone(),
        warehouse: line.warehouse.clone(),
        kind: ending.movement(),
        quantity: line.quantity,
        order_id: Some(line.order_id.clone()),
        reason: (ending == Ending::Expire).then(expired),
        reference: None,
    }
}
