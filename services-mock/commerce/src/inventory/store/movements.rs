//! The log of all changes of stock.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::paging::Span;
use super::super::rules::MovementKind;
use super::unreadable;
use crate::order_id::OrderId;
use crate::store::{Store, Tx, next_ids};

/// A change of stock.
#[derive(Clone, Debug)]
pub(in super::super) struct Movement {
    pub(in super::super) sku: String,
    pub(in super::super) warehouse: String,
    pub(in super::super) kind: MovementKind,
    /// Positive, but for adjustments that take away.
    pub(in super::super) quantity: i64,
    pub(in super::super) order_id: Option<OrderId>,
    pub(in super::super) reason: Option<String>,
    /// Unique where there is one.
    pub(in super::super) reference: Option<String>,
}

/// A change as it was logged.
#[derive(Clone, Debug)]
pub(in super::super) struct Logged {
    pub(in super::super) id: i64,
    pub(in super::super) movement: Movement,
    pub(in super::super) created_ms: i64,
}

/// Logs the changes; false when one has a reference that was logged before, and then the
/// transaction must not be committed.
pub(in super::super) async fn log(
    tx: &mut Tx,
    now_ms: i64,
    movements: &[Movement],
) -> sqlx::Result<bool> {
    let count = i64::try_from(movements.len()).unwrap_or(i64::MAX);
    let first = next_ids(tx, "movement", count).await?;
    for (id, movement) in (first..).zip(movements) {
        if !insert(tx, id, movement, now_ms).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn insert(tx: &mut Tx, id: i64, movement: &Movement, now_ms: i64) -> sqlx::Result<bool> {
    let order_id = movement.order_id.as_ref();
    let done = sqlx::query(
        "INSERT INTO movements (id, sku, warehouse, kind, quantity, order_id, reason, reference,
                                created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (reference) DO NOTHING",
    )
    .bind(id)
    .bind(&movement.sku)
    .bind(&movement.warehouse)
    .bind(movement.kind.name())
    .bind(movement.quantity)
    .bind(order_id.map(|order| order.text().to_owned()))
    .bind(movement.reason.clone())
    .bind(movement.reference.clone())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The change that was logged with a reference.
pub(in super::super) async fn by_reference(
    store: &Store,
    reference: &str,
) -> sqlx::Result<Option<Movement>> {
    let row = sqlx::query("SELECT * FROM movements WHERE reference = $1")
        .bind(reference)
        .fetch_optional(store.pool())
        .await?;
    let logged = row.as_ref().map(from_row).transpose()?;
    Ok(logged.map(|logged| logged.movement))
}

/// Changes of a product's stock, the latest first.
pub(in super::super) async fn of_product(
    store: &Store,
    sku: &str,
    span: Span,
) -> sqlx::Result<Vec<Logged>> {
    let rows =
        sqlx::query("SELECT * FROM movements WHERE sku = $1 ORDER BY id DESC LIMIT $2 OFFSET $3")
            .bind(sku)
            .bind(span.limit)
            .bind(span.offset)
            .fetch_all(store.pool())
            .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> sqlx::Result<Logged> {
    let kind: String = row.try_get("kind")?;
    let order_id: Option<String> = row.try_get("order_id")?;
    let movement = Movement {
        sku: row.try_get("sku")?,
        warehouse: row.try_get("warehouse")?,
        kind: MovementKind::from_name(&kind).ok_or_else(|| unreadable("kind", &kind))?,
        quantity: row.try_get("quantity")?,
        order_id: order_id.map(OrderId::from),
        reason: row.try_get("reason")?,
        reference: row.try_get("reference")?,
    };
    Ok(Logged {
        id: row.try_get("id")?,
        movement,
        created_ms: row.try_get("created_ms")?,
    })
}
