//! Refunds, each a row of its own.

use sqlx::Row;

use super::super::requests::Refund;
use crate::money::Money;
use crate::store::Tx;

/// A refund that was made.
#[derive(Clone, Debug)]
pub(in super::super) struct Made {
    pub(in super::super) fingerprint: String,
    /// What was back of the payment after it.
    pub(in super::super) refunded: Money,
    pub(in super::super) created_ms: i64,
}

/// A refund that is to be written.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct NewRefund<'a> {
    pub(in super::super) id: i64,
    /// The payment's `id`.
    pub(in super::super) payment: i64,
    pub(in super::super) key: Option<&'a str>,
    pub(in super::super) wish: &'a Refund,
    /// What is back of the payment after it.
    pub(in super::super) refunded: Money,
}

/// The refund of a locked payment that was made with the key.
pub(in super::super) async fn by_key(
    tx: &mut Tx,
    payment: i64,
    key: &str,
) -> sqlx::Result<Option<Made>> {
    let row = sqlx::query(
        "SELECT fingerprint, refunded_cents, created_ms FROM refunds
         WHERE payment = $1 AND idempotency_key = $2",
    )
    .bind(payment)
    .bind(key)
    .fetch_optional(&mut **tx)
    .await?;
    let made = row.map(|row| {
        Ok(Made {
            fingerprint: row.try_get("fingerprint")?,
            refunded: Money::cents(row.try_get("refunded_cents")?),
            created_ms: row.try_get("created_ms")?,
        })
    });
    made.transpose()
}

/// Writes a refund of a locked payment whose key is new.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    new: NewRefund<'_>,
    now_ms: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO refunds (id, payment, idempotency_key, fingerprint, amount_cents,
                              refunded_cents, reason, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id)
    .bind(new.payment)
    .bind(new.key)
    .bind(new.wish.fingerprint())
    .bind(new.wish.refund_amount.to_cents())
    .bind(new.refunded.to_cents())
    .bind(new.wish.reason.clone())
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
