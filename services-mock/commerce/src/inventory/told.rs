//! What inventory tells the other services.

use serde_json::json;

use super::rules::Ending;
use super::store::movements::Movement;
use super::store::reservations::Reservation;
use super::store::stock::Item;
use crate::events::{self, NewEvent};
use crate::store::Tx;
use crate::trace::Trace;

/// Stock was held for a line of an order.
pub(super) fn reserved(line: &Reservation, item: &Item) -> NewEvent<'static> {
    about_line("inventory-reserved", "INVENTORY_RESERVED", line, item)
}

/// A reservation ended.
pub(super) fn ended(ending: Ending, line: &Reservation, item: &Item) -> NewEvent<'static> {
    let (topic, kind) = match ending {
        Ending::Release => ("inventory-released", "INVENTORY_RELEASED"),
        Ending::Expire => ("inventory-released", "INVENTORY_EXPIRED"),
        Ending::Confirm => ("inventory-confirmed", "INVENTORY_CONFIRMED"),
    };
    about_line(topic, kind, line, item)
}

fn about_line(
    topic: &'static str,
    kind: &'static str,
    line: &Reservation,
    item: &Item,
) -> NewEvent<'static> {
    NewEvent {
        topic,
        kind,
        subject: line.order_id.to_string(),
        payload: json!({
            "reservationId": line.id,
            "orderId": line.order_id,
            "productSku": line.sku,
            "warehouseLocation": line.warehouse,
            "quantity": line.quantity,
            "status": line.status,
            "availableQuantity": item.available,
        }),
    }
}

/// Stock was corrected.
pub(super) fn adjusted(movement: &Movement, item: &Item) -> NewEvent<'static> {
    NewEvent {
        topic: "inventory-adjusted",
        kind: "INVENTORY_ADJUSTED",
        subject: item.sku.clone(),
        payload: json!({
            "productSku": item.sku,
            "warehouseLocation": item.warehouse,
            "quantityAdjustment": movement.quantity,
            "reason": movement.reason,
            "reference": movement.reference,
            "totalQuantity": item.total,
            "availableQuantity": item.available,
        }),
    }
}

/// Stock just became low.
pub(super) fn low(item: &Item) -> NewEvent<'static> {
    NewEvent {
        topic: "low-stock-alert",
        kind: "LOW_STOCK_ALERT",
        subject: item.sku.clone(),
        payload: json!({
            "productSku": item.sku,
            "warehouseLocation": item.warehouse,
            "availableQuantity": item.available,
            "minStockLevel": item.min_level,
            "reorderPoint": item.reorder_point,
            "reorderQuantity": item.reorder_quantity,
        }),
    }
}

/// Appends all of them; the last step before the commit.
pub(super) async fn append(
    tx: &mut Tx,
    now_ms: i64,
    trace: &Trace,
    told: Vec<NewEvent<'static>>,
) -> sqlx::Result<()> {
    for event in told {
        events::append(tx, now_ms, trace, event).await?;
    }
    Ok(())
}
