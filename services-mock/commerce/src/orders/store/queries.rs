//! Reads of orders.

use std::collections::HashMap;
use std::fmt::Write;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Line, Order, from_row, maybe_known};
use crate::money::Money;
use crate::named::known;
use crate::orders::rules::{OrderStatus, PaymentStatus};
use crate::store::Store;

/// Passages of one order that are shown; the graph allows fewer than ten.
const MOST_PASSAGES: i64 = 100;

/// Which orders a list holds.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Filter {
    /// Everybody's when it is missing.
    pub(in super::super) user_id: Option<i64>,
    /// Any when it is missing.
    pub(in super::super) status: Option<OrderStatus>,
}

/// How an order came to a status.
#[derive(Clone, Debug)]
pub(in super::super) struct Passage {
    pub(in super::super) from: Option<OrderStatus>,
    pub(in super::super) to: OrderStatus,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) at_ms: i64,
}

/// Orders added up that have status, payment and whether they are finished in common.
#[derive(Clone, Debug)]
pub(in super::super) struct Sum {
    pub(in super::super) status: OrderStatus,
    pub(in super::super) payment_status: Option<PaymentStatus>,
    pub(in super::super) finished: bool,
    pub(in super::super) orders: i64,
    pub(in super::super) total: Money,
    pub(in super::super) items: i64,
}

/// The order of a number that the store counts.
pub(in super::super) async fn by_id(store: &Store, id: i64) -> sqlx::Result<Option<Order>> {
    let row = sqlx::query("SELECT * FROM orders WHERE id = $1")
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    with_lines_of(store, row).await
}

/// The order of a number that its customer sees.
pub(in super::super) async fn by_number(
    store: &Store,
    number: &str,
) -> sqlx::Result<Option<Order>> {
    let row = sqlx::query("SELECT * FROM orders WHERE order_number = $1")
        .bind(number)
        .fetch_optional(store.pool())
        .await?;
    with_lines_of(store, row).await
}

/// The order that a user placed with an idempotency key.
pub(in super::super) async fn by_key(
    store: &Store,
    user_id: i64,
    key: &str,
) -> sqlx::Result<Option<Order>> {
    let row = sqlx::query("SELECT * FROM orders WHERE user_id = $1 AND idempotency_key = $2")
        .bind(user_id)
        .bind(key)
        .fetch_optional(store.pool())
        .await?;
    with_lines_of(store, row).await
}

async fn with_lines_of(store: &Store, row: Option<AnyRow>) -> sqlx::Result<Option<Order>> {
    let orders = row.iter().map(from_row).collect::<Result<_, _>>()?;
    Ok(with_lines(store, orders).await?.pop())
}

/// Orders, the latest first. `limit` is at most 100, since each takes a placeholder.
pub(in super::super) async fn list(
    store: &Store,
    filter: Filter,
    limit: i64,
    offset: i64,
) -> sqlx::Result<Vec<Order>> {
    let statement = format!(
        "SELECT * FROM orders{} ORDER BY id DESC LIMIT $3 OFFSET $4",
        filter.condition()
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(filter.user_id)
        .bind(filter.status.map(OrderStatus::name))
        .bind(limit)
        .bind(offset)
        .fetch_all(store.pool())
        .await?;
    let orders = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    with_lines(store, orders).await
}

/// How many orders a list would hold without a limit.
pub(in super::super) async fn count(store: &Store, filter: Filter) -> sqlx::Result<i64> {
    let statement = format!("SELECT COUNT(*) FROM orders{}", filter.condition());
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(filter.user_id)
        .bind(filter.status.map(OrderStatus::name))
        .fetch_one(store.pool())
        .await
}

impl Filter {
    /// Names both parameters whatever it asks for, so that every list binds alike; what is not
    /// asked for stands where no index is lost by it.
    fn condition(self) -> &'static str {
        match (self.user_id, self.status) {
            (Some(_), Some(_)) => " WHERE user_id = $1 AND status = $2",
            (Some(_), None) => " WHERE user_id = $1 AND CAST($2 AS TEXT) IS NULL",
            (None, Some(_)) => " WHERE status = $2 AND CAST($1 AS BIGINT) IS NULL",
            (None, None) => " WHERE CAST($1 AS BIGINT) IS NULL AND CAST($2 AS TEXT) IS NULL",
        }
    }
}

/// Gives the orders their lines, all in one statement.
pub(super) async fn with_lines(store: &Store, mut orders: Vec<Order>) -> sqlx::Result<Vec<Order>> {
    if orders.is_empty() {
        return Ok(orders);
    }
    let mut places = String::from("$1");
    for place in 2..=orders.len() {
        write!(places, ", ${place}").map_err(|cause| sqlx::Error::Encode(cause.into()))?;
    }
    let statement = format!("SELECT * FROM order_lines WHERE order_id IN ({places}) ORDER BY id");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for order in &orders {
        query = query.bind(order.id);
    }
    let mut lines: HashMap<i64, Vec<Line>> = HashMap::new();
    for row in query.fetch_all(store.pool()).await? {
        let of_order = lines.entry(row.try_get("order_id")?).or_default();
        of_order.push(line_from_row(&row)?);
    }
    for order in &mut orders {
        order.lines = lines.remove(&order.id).unwrap_or_default();
    }
    Ok(orders)
}

fn line_from_row(row: &AnyRow) -> sqlx::Result<Line> {
    Ok(Line {
        id: row.try_get("id")?,
        product_id: row.try_get("product_id")?,
        product_name: row.try_get("product_name")?,
        product_image: row.try_get("product_image")?,
        price: Money::cents(row.try_get("price_cents")?),
        quantity: row.try_get("quantity")?,
    })
}

/// Every status the order had, the first first.
pub(in super::super) async fn history(store: &Store, order: i64) -> sqlx::Result<Vec<Passage>> {
    let rows =
        sqlx::query("SELECT * FROM order_history WHERE order_id = $1 ORDER BY version LIMIT $2")
            .bind(order)
            .bind(MOST_PASSAGES)
            .fetch_all(store.pool())
            .await?;
    let passages = rows.iter().map(|row| {
        let to: String = row.try_get("to_status")?;
        Ok(Passage {
            from: maybe_known(row.try_get("from_status")?, OrderStatus::from_name)?,
            to: known(&to, OrderStatus::from_name)?,
            reason: row.try_get("reason")?,
            at_ms: row.try_get("at_ms")?,
        })
    });
    passages.collect()
}

/// Adds up all orders in one statement, which sees one moment on either database.
pub(in super::super) async fn sums(store: &Store) -> sqlx::Result<Vec<Sum>> {
    let rows = sqlx::query(
        "SELECT status, payment_status, CAST(CASE WHEN step IS NULL THEN 1 ELSE 0 END AS BIGINT) AS finished,
                COUNT(*) AS orders, CAST(SUM(total_cents) AS BIGINT) AS total,
                CAST(SUM(total_items) AS BIGINT) AS items
         FROM orders
         GROUP BY status, payment_status, CASE WHEN step IS NULL THEN 1 ELSE 0 END",
    )
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(sum_from_row).collect()
}

fn sum_from_row(row: &AnyRow) -> sqlx::Result<Sum> {
    let status: String = row.try_get("status")?;
    let finished: i64 = row.try_get("finished")?;
    Ok(Sum {
        status: known(&status, OrderStatus::from_name)?,
        payment_status: maybe_known(row.try_get("payment_status")?, PaymentStatus::from_name)?,
        finished: finished != 0,
        orders: row.try_get("orders")?,
        total: Money::cents(row.try_get("total")?),
        items: row.try_get("items")?,
    })
}
