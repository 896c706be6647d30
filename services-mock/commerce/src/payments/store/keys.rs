//! Which payment each idempotency key has led to.

use sqlx::Row;

use super::payments::{self, Payment};
use crate::store::{Store, Tx};

/// A key of a caller, and what it was used for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Key<'a> {
    /// 0 for services.
    pub(in super::super) caller_id: i64,
    pub(in super::super) text: &'a str,
    pub(in super::super) fingerprint: &'a str,
}

/// A payment that a key led to, and the fingerprint of the request that it did.
#[derive(Clone, Debug)]
pub(in super::super) struct Answered {
    pub(in super::super) payment: Payment,
    pub(in super::super) fingerprint: String,
}

/// Takes the key for a payment; false when it was used before. While another transaction is taking
/// it, this waits for that one's end.
pub(in super::super) async fn take(tx: &mut Tx, key: Key<'_>, payment: i64) -> sqlx::Result<bool> {
    let taken = sqlx::query(
        "INSERT INTO payment_keys (caller_id, idempotency_key, fingerprint, payment)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (caller_id, idempotency_key) DO NOTHING",
    )
    .bind(key.caller_id)
    .bind(key.text)
    .bind(key.fingerprint)
    .bind(payment)
    .execute(&mut **tx)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Lets a key that was just taken lead to another payment.
pub(in super::super) async fn point_to(
    tx: &mut Tx,
    key: Key<'_>,
    payment: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE payment_keys SET payment = $3 WHERE caller_id = $1 AND idempotency_key = $2",
    )
    .bind(key.caller_id)
    .bind(key.text)
    .bind(payment)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the key has led to.
pub(in super::super) async fn answered(
    store: &Store,
    key: Key<'_>,
) -> sqlx::Result<Option<Answered>> {
    let row = sqlx::query(
        "SELECT p.*, k.fingerprint AS fingerprint
         FROM payment_keys k JOIN payments p ON p.id = k.payment
         WHERE k.caller_id = $1 AND k.idempotency_key = $2",
    )
    .bind(key.caller_id)
    .bind(key.text)
    .fetch_optional(store.pool())
    .await?;
    let answered = row.map(|row| {
        Ok(Answered {
            payment: payments::from_row(&row)?,
            fingerprint: row.try_get("fingerprint")?,
        })
    });
    answered.transpose()
}
