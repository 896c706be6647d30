//! Payments.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::requests::{Charge, PageWish};
use super::super::rules::{AfterRefund, Currency, Decision, PaymentMethod, PaymentStatus};
use crate::money::Money;
use crate::named::known;
use crate::order_id::OrderId;
use crate::store::{Store, Tx};

/// A payment.
#[derive(Clone, Debug)]
pub(in super::super) struct Payment {
    /// Counted; the number that others know it by is `payment_id`.
    pub(in super::super) id: i64,
    pub(in super::super) payment_id: String,
    pub(in super::super) order_id: Option<OrderId>,
    pub(in super::super) order_number: Option<String>,
    pub(in super::super) user_id: i64,
    /// Known when the user paid in person.
    pub(in super::super) user_email: Option<String>,
    pub(in super::super) amount: Money,
    /// Of all refunds.
    pub(in super::super) refunded: Money,
    pub(in super::super) currency: Currency,
    pub(in super::super) method: PaymentMethod,
    pub(in super::super) description: Option<String>,
    pub(in super::super) reference: Option<String>,
    pub(in super::super) status: PaymentStatus,
    pub(in super::super) error_message: Option<String>,
    pub(in super::super) created_ms: i64,
    pub(in super::super) updated_ms: i64,
}

/// A payment that is decided and not written yet.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct NewPayment<'a> {
    pub(in super::super) id: i64,
    pub(in super::super) payment_id: &'a str,
    pub(in super::super) user_email: Option<&'a str>,
    pub(in super::super) charge: &'a Charge,
    pub(in super::super) decision: Decision,
}

/// Writes a payment; none when its order is paid already, which is to be looked at before.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    new: NewPayment<'_>,
    now_ms: i64,
) -> sqlx::Result<Option<Payment>> {
    let charge = new.charge;
    let row = sqlx::query(
        "INSERT INTO payments (id, payment_id, order_id, order_number, user_id, user_email,
            amount_cents, refunded_cents, currency, method, description, payment_reference, status,
            error_message, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $13, $14, $14)
         ON CONFLICT DO NOTHING
         RETURNING *",
    )
    .bind(new.id)
    .bind(new.payment_id)
    .bind(charge.order_id.as_ref().map(|id| id.text().to_owned()))
    .bind(charge.order_number.clone())
    .bind(charge.user_id)
    .bind(new.user_email)
    .bind(charge.amount.to_cents())
    .bind(charge.currency.name())
    .bind(charge.method.name())
    .bind(charge.description.clone())
    .bind(charge.reference.clone())
    .bind(new.decision.status.name())
    .bind(new.decision.error_message)
    .bind(now_ms)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// The payment that an order is paid by, seen in a transaction or from the pool; failed attempts
/// are none.
pub(in super::super) async fn paying(
    seen_by: impl sqlx::Executor<'_, Database = sqlx::Any>,
    order: &OrderId,
) -> sqlx::Result<Option<Payment>> {
    let row = sqlx::query("SELECT * FROM payments WHERE order_id = $1 AND status <> 'FAILED'")
        .bind(order.text())
        .fetch_optional(seen_by)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The payment of a number that others know it by.
pub(in super::super) async fn by_payment_id(
    store: &Store,
    payment_id: &str,
) -> sqlx::Result<Option<Payment>> {
    let row = sqlx::query("SELECT * FROM payments WHERE payment_id = $1")
        .bind(payment_id)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The payment that tells most of an order: one of the user who asks before those of others, the
/// one it is paid by before failed attempts, the latest of these.
pub(in super::super) async fn of_order(
    store: &Store,
    order: &OrderId,
    asking_user: Option<i64>,
) -> sqlx::Result<Option<Payment>> {
    const NOBODY: i64 = -1;
    let row = sqlx::query(
        "SELECT * FROM payments WHERE order_id = $1
         ORDER BY CASE WHEN user_id = $2 THEN 0 ELSE 1 END,
                  CASE WHEN status = 'FAILED' THEN 1 ELSE 0 END, id DESC
         LIMIT 1",
    )
    .bind(order.text())
    .bind(asking_user.unwrap_or(NOBODY))
    .fetch_optional(store.pool())
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// A page of a user's payments, the latest first.
pub(in super::super) async fn of_user(
    store: &Store,
    user_id: i64,
    page: PageWish,
) -> sqlx::Result<Vec<Payment>> {
    let rows = sqlx::query(
        "SELECT * FROM payments WHERE user_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3",
    )
    .bind(user_id)
    .bind(page.size)
    .bind(page.offset())
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

/// How many payments a user has.
pub(in super::super) async fn count_of_user(store: &Store, user_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COUNT(*) FROM payments WHERE user_id = $1")
        .bind(user_id)
        .fetch_one(store.pool())
        .await
}

/// The payment, which nobody else changes until the transaction ends. SQLite, which has one writer
/// at a time, does not know FOR UPDATE.
pub(in super::super) async fn lock(tx: &mut Tx, payment_id: &str) -> sqlx::Result<Option<Payment>> {
    let row = sqlx::query(
        "UPDATE payments SET updated_ms = updated_ms WHERE payment_id = $1 RETURNING *",
    )
    .bind(payment_id)
    .fetch_optional(&mut **tx)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Notes how much of a locked payment is back.
pub(in super::super) async fn give_back(
    tx: &mut Tx,
    id: i64,
    after: AfterRefund,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE payments SET refunded_cents = $2, status = $3, updated_ms = $4 WHERE id = $1",
    )
    .bind(id)
    .bind(after.refunded.to_cents())
    .bind(after.status.name())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) fn from_row(row: &AnyRow) -> sqlx::Result<Payment> {
    let text = |column| row.try_get::<String, _>(column);
    let maybe = |column| row.try_get::<Option<String>, _>(column);
    Ok(Payment {
        id: row.try_get("id")?,
        payment_id: text("payment_id")?,
        order_id: maybe("order_id")?.map(OrderId::from),
        order_number: maybe("order_number")?,
        user_id: row.try_get("user_id")?,
        user_email: maybe("user_email")?,
        amount: Money::cents(row.try_get("amount_cents")?),
        refunded: Money::cents(row.try_get("refunded_cents")?),
        currency: known(&text("currency")?, Currency::from_name)?,
        method: known(&text("method")?, PaymentMethod::from_name)?,
        description: maybe("description")?,
        reference: maybe("payment_reference")?,
        status: known(&text("status")?, PaymentStatus::from_name)?,
        error_message: maybe("error_message")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
