//! What lies in the warehouses. Every change is one UPDATE with its condition.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::paging::Span;
use super::super::requests::{Adjust, Check, MOST, NewItem, Reserve};
use crate::store::{Store, Tx};

/// Warehouses that are tried for one request; more than anybody has.
const MOST_WAREHOUSES: i64 = 100;

/// What lies of a product in a warehouse.
#[derive(Clone, Debug)]
pub(in super::super) struct Item {
    pub(in super::super) id: i64,
    pub(in super::super) sku: String,
    pub(in super::super) warehouse: String,
    pub(in super::super) total: i64,
    pub(in super::super) available: i64,
    pub(in super::super) reserved: i64,
    pub(in super::super) min_level: i64,
    pub(in super::super) max_level: i64,
    pub(in super::super) reorder_point: i64,
    pub(in super::super) reorder_quantity: i64,
    low_told: bool,
    pub(in super::super) updated_ms: i64,
}

impl Item {
    /// Time to order more.
    pub(in super::super) fn is_low(&self) -> bool {
        self.available <= self.min_level
    }
}

/// Makes the item; none when the warehouse has one of the product.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    id: i64,
    new: &NewItem,
    now_ms: i64,
) -> sqlx::Result<Option<Item>> {
    let row = sqlx::query(
        "INSERT INTO stock (id, sku, warehouse, initial, total, available, reserved, min_level,
                            max_level, reorder_point, reorder_quantity, low_told, updated_ms)
         VALUES ($1, $2, $3, $4, $4, $4, 0, $5, $6, $7, $8, 0, $9)
         ON CONFLICT (sku, warehouse) DO NOTHING
         RETURNING *",
    )
    .bind(id)
    .bind(&new.product_sku)
    .bind(&new.warehouse_location)
    .bind(new.total_quantity)
    .bind(new.min_stock_level)
    .bind(new.max_stock_level)
    .bind(new.reorder_point)
    .bind(new.reorder_quantity)
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// All items, or those of a product, of a warehouse, or that are low.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Which<'a> {
    All,
    OfProduct(&'a str),
    InWarehouse(&'a str),
    Low,
}

/// Items in their order.
pub(in super::super) async fn list(
    store: &Store,
    which: Which<'_>,
    span: Span,
) -> sqlx::Result<Vec<Item>> {
    let (sql, key) = match which {
        Which::All => (
            "SELECT * FROM stock WHERE $1 = '' ORDER BY id LIMIT $2 OFFSET $3",
            "",
        ),
        Which::OfProduct(sku) => (
            "SELECT * FROM stock WHERE sku = $1 ORDER BY id LIMIT $2 OFFSET $3",
            sku,
        ),
        Which::InWarehouse(warehouse) => (
            "SELECT * FROM stock WHERE warehouse = $1 ORDER BY id LIMIT $2 OFFSET $3",
            warehouse,
        ),
        Which::Low => (
            "SELECT * FROM stock WHERE $1 = '' AND available <= min_level
             ORDER BY id LIMIT $2 OFFSET $3",
            "",
        ),
    };
    let query = sqlx::query(sql).bind(key);
    let query = query.bind(span.limit).bind(span.offset);
    let rows = query.fetch_all(store.pool()).await?;
    rows.iter().map(from_row).collect()
}

/// The item that would serve the wish: the first with enough, else the one with most. None when
/// the product lies nowhere or is not sold.
pub(in super::super) async fn best_for(store: &Store, wish: &Check) -> sqlx::Result<Option<Item>> {
    let row = sqlx::query(
        "SELECT * FROM stock
         WHERE sku = $1 AND (CAST($2 AS TEXT) IS NULL OR warehouse = $2)
           AND NOT EXISTS (SELECT 1 FROM products p WHERE p.sku = stock.sku AND p.status <> 'ACTIVE')
         ORDER BY CASE WHEN available >= $3 THEN 0 ELSE 1 END,
                  CASE WHEN available >= $3 THEN 0 ELSE available END DESC, id
         LIMIT 1",
    )
    .bind(&wish.product_sku)
    .bind(wish.warehouse_location.clone())
    .bind(wish.quantity)
    .fetch_optional(store.pool())
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// The items that have enough for the wish at the moment, in the order in which they are tried.
pub(in super::super) async fn candidates(tx: &mut Tx, wish: &Reserve) -> sqlx::Result<Vec<Item>> {
    let rows = sqlx::query(
        "SELECT * FROM stock
         WHERE sku = $1 AND (CAST($2 AS TEXT) IS NULL OR warehouse = $2) AND available >= $3
           AND NOT EXISTS (SELECT 1 FROM products p WHERE p.sku = stock.sku AND p.status <> 'ACTIVE')
         ORDER BY id LIMIT $4",
    )
    .bind(&wish.product_sku)
    .bind(wish.warehouse_location.clone())
    .bind(wish.quantity)
    .bind(MOST_WAREHOUSES)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(from_row).collect()
}

/// Moves pieces from available to reserved in the first of the items that still has enough: another
/// transaction may have been faster.
pub(in super::super) async fn take(
    tx: &mut Tx,
    candidates: &[Item],
    quantity: i64,
    now_ms: i64,
) -> sqlx::Result<Option<Item>> {
    for candidate in candidates {
        let row = sqlx::query(
            "UPDATE stock SET available = available - $2, reserved = reserved + $2, updated_ms = $3
             WHERE id = $1 AND available >= $2
             RETURNING *",
        )
        .bind(candidate.id)
        .bind(quantity)
        .bind(now_ms)
        .fetch_optional(&mut **tx)
        .await?;
        if let Some(row) = row {
            return from_row(&row).map(Some);
        }
    }
    Ok(None)
}

/// Moves from reserved back to available; none when so much is not reserved.
pub(in super::super) async fn put_back(
    tx: &mut Tx,
    id: i64,
    quantity: i64,
    now_ms: i64,
) -> sqlx::Result<Option<Item>> {
    let row = sqlx::query(
        "UPDATE stock SET available = available + $2, reserved = reserved - $2, updated_ms = $3
         WHERE id = $1 AND reserved >= $2
         RETURNING *",
    )
    .bind(id)
    .bind(quantity)
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Takes reserved goods out of the warehouse; none when so much is not reserved.
pub(in super::super) async fn send_out(
    tx: &mut Tx,
    id: i64,
    quantity: i64,
    now_ms: i64,
) -> sqlx::Result<Option<Item>> {
    let row = sqlx::query(
        "UPDATE stock SET total = total - $2, reserved = reserved - $2, updated_ms = $3
         WHERE id = $1 AND reserved >= $2
         RETURNING *",
    )
    .bind(id)
    .bind(quantity)
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Adds to what is available, in the first warehouse where that stays from 0 to [`MOST`].
pub(in super::super) async fn adjust(
    tx: &mut Tx,
    change: &Adjust,
    now_ms: i64,
) -> sqlx::Result<Option<Item>> {
    for id in places(tx, change).await? {
        let row = sqlx::query(
            "UPDATE stock SET total = total + $2, available = available + $2, updated_ms = $3
             WHERE id = $1 AND available + $2 >= 0 AND total + $2 <= $4
             RETURNING *",
        )
        .bind(id)
        .bind(change.quantity_adjustment)
        .bind(now_ms)
        .bind(MOST)
        .fetch_optional(&mut **tx)
        .await?;
        if let Some(row) = row {
            return from_row(&row).map(Some);
        }
    }
    Ok(None)
}

async fn places(tx: &mut Tx, change: &Adjust) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT id FROM stock
         WHERE sku = $1 AND (CAST($2 AS TEXT) IS NULL OR warehouse = $2)
         ORDER BY id LIMIT $3",
    )
    .bind(&change.product_sku)
    .bind(change.warehouse_location.clone())
    .bind(MOST_WAREHOUSES)
    .fetch_all(&mut **tx)
    .await
}

/// Whether the product lies anywhere, or in the warehouse that is named.
pub(in super::super) async fn exists(
    tx: &mut Tx,
    sku: &str,
    warehouse: Option<&str>,
) -> sqlx::Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM stock
         WHERE sku = $1 AND (CAST($2 AS TEXT) IS NULL OR warehouse = $2) LIMIT 1",
    )
    .bind(sku)
    .bind(warehouse.map(str::to_owned))
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.is_some())
}

/// The item of a product in a warehouse.
pub(in super::super) async fn at(
    store: &Store,
    sku: &str,
    warehouse: &str,
) -> sqlx::Result<Option<Item>> {
    let row = sqlx::query("SELECT * FROM stock WHERE sku = $1 AND warehouse = $2")
        .bind(sku)
        .bind(warehouse)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// Notes whether the stock is low; true when it just became so. To be called in the transaction
/// that changed the item, which holds its row, so that a crossing is seen by one alone.
pub(in super::super) async fn became_low(tx: &mut Tx, item: &Item) -> sqlx::Result<bool> {
    if item.is_low() == item.low_told {
        return Ok(false);
    }
    sqlx::query("UPDATE stock SET low_told = $2 WHERE id = $1")
        .bind(item.id)
        .bind(i64::from(item.is_low()))
        .execute(&mut **tx)
        .await?;
    Ok(item.is_low())
}

fn from_row(row: &AnyRow) -> sqlx::Result<Item> {
    let low_told: i64 = row.try_get("low_told")?;
    Ok(Item {
        id: row.try_get("id")?,
        sku: row.try_get("sku")?,
        warehouse: row.try_get("warehouse")?,
        total: row.try_get("total")?,
        available: row.try_get("available")?,
        reserved: row.try_get("reserved")?,
        min_level: row.try_get("min_level")?,
        max_level: row.try_get("max_level")?,
        reorder_point: row.try_get("reorder_point")?,
        reorder_quantity: row.try_get("reorder_quantity")?,
        low_told: low_told != 0,
        updated_ms: row.try_get("updated_ms")?,
    })
}
