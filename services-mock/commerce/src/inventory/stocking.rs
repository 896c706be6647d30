//! Puts new stock in place and corrects what lies there.

use super::requests::{Adjust, NewItem};
use super::reserving::unknown;
use super::rules::MovementKind;
use super::store::movements::{self, Movement};
use super::store::stock::{self, Item};
use super::told;
use crate::error::ApiError;
use crate::state::AppState;
use crate::store::{Tx, next_id};
use crate::trace::Trace;

/// Makes an item; 409 when the warehouse has one of the product. Goods may lie there before the
/// catalogue knows them.
pub(super) async fn create(
    state: &AppState,
    trace: &Trace,
    new: &NewItem,
) -> Result<Item, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let id = next_id(&mut tx, "stock").await?;
    let Some(item) = stock::insert(&mut tx, id, new, now_ms).await? else {
        let (sku, warehouse) = (&new.product_sku, &new.warehouse_location);
        let message = format!("{warehouse} has stock of {sku}");
        return Err(ApiError::conflict(message));
    };
    let became_low = stock::became_low(&mut tx, &item).await?;
    movements::log(&mut tx, now_ms, &[inbound(new)]).await?;
    let events = became_low.then(|| told::low(&item));
    told::append(&mut tx, now_ms, trace, events.into_iter().collect()).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(item)
}

/// What is logged of a new item.
pub(super) fn inbound(new: &NewItem) -> Movement {
    Movement {
        sku: new.product_sku.clone(),
        warehouse: new.warehouse_location.clone(),
        kind: MovementKind::Inbound,
        quantity: new.total_quantity,
        order_id: None,
        reason: None,
        reference: None,
    }
}

/// Adds to what lies there, or takes away from what is not reserved. 404 when the product does not
/// lie there, 409 when too little does or too much would, or when the reference was used for
/// another adjustment.
pub(super) async fn adjust(
    state: &AppState,
    trace: &Trace,
    change: &Adjust,
) -> Result<Item, ApiError> {
    if let Some(item) = adjusted_before(state, change).await? {
        return Ok(item);
    }
    if let Some(item) = adjust_now(state, trace, change).await? {
        return Ok(item);
    }
    // The same adjustment came twice at once, and the other was committed first.
    let lost = || ApiError::unavailable("adjustment", "reference without its movement");
    adjusted_before(state, change).await?.ok_or_else(lost)
}

/// None when the reference was used meanwhile.
async fn adjust_now(
    state: &AppState,
    trace: &Trace,
    change: &Adjust,
) -> Result<Option<Item>, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let Some(item) = stock::adjust(&mut tx, change, now_ms).await? else {
        return refusal(tx, state, change).await;
    };
    let became_low = stock::became_low(&mut tx, &item).await?;
    let movement = corrected(change, &item);
    if !movements::log(&mut tx, now_ms, std::slice::from_ref(&movement)).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    let mut events = vec![told::adjusted(&movement, &item)];
    events.extend(became_low.then(|| told::low(&item)));
    told::append(&mut tx, now_ms, trace, events).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Some(item))
}

/// Why nothing was changed; the same adjustment may just have been done by another request.
async fn refusal(mut tx: Tx, state: &AppState, change: &Adjust) -> Result<Option<Item>, ApiError> {
    let (sku, warehouse) = (&change.product_sku, change.warehouse_location.as_deref());
    let known = stock::exists(&mut tx, sku, warehouse).await?;
    tx.rollback().await?;
    if !known {
        return Err(unknown(sku, warehouse));
    }
    if let Some(item) = adjusted_before(state, change).await? {
        return Ok(Some(item));
    }
    let by = change.quantity_adjustment;
    let message = format!("what is available of {sku} cannot be changed by {by}");
    Err(ApiError::conflict(message))
}

fn corrected(change: &Adjust, item: &Item) -> Movement {
    Movement {
        sku: item.sku.clone(),
        warehouse: item.warehouse.clone(),
        kind: MovementKind::Adjustment,
        quantity: change.quantity_adjustment,
        order_id: None,
        reason: change.reason.clone(),
        reference: change.reference.clone(),
    }
}

/// The item as it is now, when an adjustment with this reference was done; 409 when that was
/// another one.
async fn adjusted_before(state: &AppState, change: &Adjust) -> Result<Option<Item>, ApiError> {
    let Some(reference) = &change.reference else {
        return Ok(None);
    };
    let Some(done) = movements::by_reference(&state.store, reference).await? else {
        return Ok(None);
    };
    let place = change.warehouse_location.as_ref();
    let same_place = place.is_none_or(|name| *name == done.warehouse);
    let same_goods = done.sku == change.product_sku;
    if !same_place || !same_goods || done.quantity != change.quantity_adjustment {
        let message = format!("reference {reference} was used for another adjustment");
        return Err(ApiError::conflict(message));
    }
    Ok(stock::at(&state.store, &done.sku, &done.warehouse).await?)
}
