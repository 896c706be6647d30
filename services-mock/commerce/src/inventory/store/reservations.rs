//! Stock held for lines of orders.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::requests::Reserve;
use super::super::rules::ReservationStatus;
use super::stock::Item;
use super::unreadable;
use crate::order_id::OrderId;
use crate::store::{Store, Tx};

/// Lines of an order that are looked at; the order service allows 50.
const MOST_LINES: i64 = 1000;

/// Stock held for a line of an order, or what became of it.
#[derive(Clone, Debug)]
pub(in super::super) struct Reservation {
    pub(in super::super) id: i64,
    pub(in super::super) order_id: OrderId,
    pub(in super::super) sku: String,
    pub(in super::super) stock_id: i64,
    pub(in super::super) warehouse: String,
    pub(in super::super) quantity: i64,
    pub(in super::super) status: ReservationStatus,
    pub(in super::super) expires_ms: i64,
    pub(in super::super) created_ms: i64,
}

/// Notes what is to be taken of the item; none when the order has reserved the product before.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    id: i64,
    wish: &Reserve,
    item: &Item,
    now_ms: i64,
) -> sqlx::Result<Option<Reservation>> {
    let row = sqlx::query(
        "INSERT INTO reservations (id, order_id, sku, stock_id, warehouse, quantity, status,
                                   expires_ms, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, 'ACTIVE', $7, $8, $8)
         ON CONFLICT (order_id, sku) DO NOTHING
         RETURNING *",
    )
    .bind(id)
    .bind(wish.order_id.text())
    .bind(&item.sku)
    .bind(item.id)
    .bind(&item.warehouse)
    .bind(wish.quantity)
    .bind(wish.expires_ms(now_ms))
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Notes that it was taken of another item.
pub(in super::super) async fn place(
    tx: &mut Tx,
    id: i64,
    item: &Item,
) -> sqlx::Result<Option<Reservation>> {
    let row = sqlx::query(
        "UPDATE reservations SET stock_id = $2, warehouse = $3 WHERE id = $1 RETURNING *",
    )
    .bind(id)
    .bind(item.id)
    .bind(&item.warehouse)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// The reservation of an order's line.
pub(in super::super) async fn of_line(
    tx: &mut Tx,
    order: &OrderId,
    sku: &str,
) -> sqlx::Result<Option<Reservation>> {
    let row = sqlx::query("SELECT * FROM reservations WHERE order_id = $1 AND sku = $2")
        .bind(order.text())
        .bind(sku)
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The reservation of a number.
pub(in super::super) async fn by_id(tx: &mut Tx, id: i64) -> sqlx::Result<Option<Reservation>> {
    let row = sqlx::query("SELECT * FROM reservations WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// All reservations of an order, seen in a transaction or from the pool.
pub(in super::super) async fn of_order(
    seen_by: impl sqlx::Executor<'_, Database = sqlx::Any>,
    order: &OrderId,
) -> sqlx::Result<Vec<Reservation>> {
    let rows = sqlx::query("SELECT * FROM reservations WHERE order_id = $1 ORDER BY id LIMIT $2")
        .bind(order.text())
        .bind(MOST_LINES)
        .fetch_all(seen_by)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Ends the reservation if it is active, which makes the caller the one who moves its stock.
pub(in super::super) async fn end(
    tx: &mut Tx,
    id: i64,
    status: ReservationStatus,
    now_ms: i64,
) -> sqlx::Result<Option<Reservation>> {
    let row = sqlx::query(
        "UPDATE reservations SET status = $2, updated_ms = $3
         WHERE id = $1 AND status = 'ACTIVE'
         RETURNING *",
    )
    .bind(id)
    .bind(status.name())
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Ends all active reservations of an order.
pub(in super::super) async fn end_order(
    tx: &mut Tx,
    order: &OrderId,
    status: ReservationStatus,
    now_ms: i64,
) -> sqlx::Result<Vec<Reservation>> {
    let rows = sqlx::query(
        "UPDATE reservations SET status = $2, updated_ms = $3
         WHERE order_id = $1 AND status = 'ACTIVE'
         RETURNING *",
    )
    .bind(order.text())
    .bind(status.name())
    .bind(now_ms)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(from_row).collect()
}

/// Active reservations whose time is over, the longest overdue first.
pub(in super::super) async fn due(
    store: &Store,
    now_ms: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT id FROM reservations WHERE status = 'ACTIVE' AND expires_ms <= $1
         ORDER BY expires_ms, id LIMIT $2",
    )
    .bind(now_ms)
    .bind(limit)
    .fetch_all(store.pool())
    .await
}

/// Whether a reservation ended before the time.
pub(in super::super) async fn any_ended_before(
    store: &Store,
    before_ms: i64,
) -> sqlx::Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM reservations WHERE status <> 'ACTIVE' AND updated_ms < $1 LIMIT 1",
    )
    .bind(before_ms)
    .fetch_optional(store.pool())
    .await?;
    Ok(found.is_some())
}

/// Deletes reservations that ended before the time; how many.
pub(in super::super) async fn purge(
    store: &Store,
    before_ms: i64,
    limit: i64,
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "DELETE FROM reservations WHERE id IN (
             SELECT id FROM reservations WHERE status <> 'ACTIVE' AND updated_ms < $1
             ORDER BY updated_ms LIMIT $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(store.pool())
    .await?;
    Ok(done.rows_affected())
}

fn from_row(row: &AnyRow) -> sqlx::Result<Reservation> {
    let order_id: String = row.try_get("order_id")?;
    let status: String = row.try_get("status")?;
    let known = ReservationStatus::from_name(&status);
    Ok(Reservation {
        id: row.try_get("id")?,
        order_id: order_id.into(),
        sku: row.try_get("sku")?,
        stock_id: row.try_get("stock_id")?,
        warehouse: row.try_get("warehouse")?,
        quantity: row.try_get("quantity")?,
        status: known.ok_or_else(|| unreadable("status", &status))?,
        expires_ms: row.try_get("expires_ms")?,
        created_ms: row.try_get("created_ms")?,
    })
}
