//! Takes a payment, once however often it is asked for.

use super::order_check;
use super::requests::Charge;
use super::rules;
use super::store::keys::{self, Key};
use super::store::payments::{self, NewPayment, Payment};
use super::told;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::order_id::OrderId;
use crate::settings::Secret;
use crate::state::AppState;
use crate::store::{Tx, next_id};
use crate::trace::Trace;

/// Who asks for a payment, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Caller,
    pub(super) token: &'a Secret,
    pub(super) trace: &'a Trace,
    /// The `Idempotency-Key`. Keys are the caller's own.
    pub(super) key: Option<&'a str>,
}

/// What a wish to pay led to.
#[derive(Debug)]
pub(super) enum Paid {
    /// A new payment, COMPLETED or FAILED.
    Now(Payment),
    /// The payment that the same key, or the order, was paid with before.
    Before(Payment),
}

/// Pays. 409 when the key was used for something else, or the order is paid otherwise.
///
/// A failed payment of an order is found again by its key alone: another key, or none, is a new
/// attempt.
pub(super) async fn pay(
    state: &AppState,
    asked: Asked<'_>,
    charge: &Charge,
) -> Result<Paid, ApiError> {
    let fingerprint = charge.fingerprint();
    let key = asked.key.map(|text| Key {
        caller_id: asked.caller.user_id,
        text,
        fingerprint: &fingerprint,
    });
    if let Some(payment) = answered(state, key).await? {
        return Ok(Paid::Before(payment));
    }
    check_order(state, asked, charge).await?;
    write(state, asked, key, charge).await
}

/// The payment that the key has led to.
async fn answered(state: &AppState, key: Option<Key<'_>>) -> Result<Option<Payment>, ApiError> {
    let Some(key) = key else { return Ok(None) };
    let Some(answered) = keys::answered(&state.store, key).await? else {
        return Ok(None);
    };
    if answered.fingerprint != key.fingerprint {
        let message = "the Idempotency-Key was used for another payment";
        return Err(ApiError::conflict(message));
    }
    Ok(Some(answered.payment))
}

/// Customers may pay for an order in person. Of one that is paid already the order service would
/// say that it is not to be paid any more; without a way to the order service there are no orders.
async fn check_order(state: &AppState, asked: Asked<'_>, charge: &Charge) -> Result<(), ApiError> {
    let Some(order) = &charge.order_id else {
        return Ok(());
    };
    if asked.caller.is_privileged() || !state.gateway.leads_somewhere() {
        return Ok(());
    }
    if payments::paying(state.store.pool(), order).await?.is_some() {
        return Ok(());
    }
    order_check::check(state, asked.trace, asked.token, order, charge).await
}

/// Takes key and order and writes the decided payment with its event, all or nothing.
async fn write(
    state: &AppState,
    asked: Asked<'_>,
    key: Option<Key<'_>>,
    charge: &Charge,
) -> Result<Paid, ApiError> {
    let mut tx = state.store.begin().await?;
    // Whoever pays at the same time waits here, and sees then what this transaction wrote.
    let id = next_id(&mut tx, "payment").await?;
    if let Some(key) = key
        && !keys::take(&mut tx, key, id).await?
    {
        // The same request was faster on another way.
        tx.rollback().await?;
        let payment = answered(state, Some(key)).await?;
        return payment.map(Paid::Before).ok_or_else(impossible);
    }
    if let Some(order) = &charge.order_id
        && let Some(payment) = payments::paying(&mut *tx, order).await?
    {
        return paid_before(tx, key, order, payment, charge).await;
    }
    let decision = rules::charge(charge.amount);
    let own = asked.caller.user_id == charge.user_id;
    let new = NewPayment {
        id,
        payment_id: &state.ids.payment(),
        user_email: own.then_some(&*asked.caller.email),
        charge,
        decision,
    };
    let payment = payments::insert(&mut tx, new, state.now_ms()).await?;
    let payment = payment.ok_or_else(impossible)?;
    told::tell(&mut tx, state, asked.trace, &payment, decision.topic, None).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(Paid::Now(payment))
}

/// The payment that the order is paid by, which the key leads to from now on.
async fn paid_before(
    mut tx: Tx,
    key: Option<Key<'_>>,
    order: &OrderId,
    payment: Payment,
    charge: &Charge,
) -> Result<Paid, ApiError> {
    if !is_the_same(&payment, charge) {
        return Err(paid_otherwise(order));
    }
    if let Some(key) = key {
        keys::point_to(&mut tx, key, payment.id).await?;
    }
    tx.commit().await?;
    Ok(Paid::Before(payment))
}

fn is_the_same(payment: &Payment, charge: &Charge) -> bool {
    payment.user_id == charge.user_id
        && payment.amount == charge.amount
        && payment.currency == charge.currency
}

/// Says nothing of the payment, which may be somebody else's.
fn paid_otherwise(order: &OrderId) -> ApiError {
    ApiError::conflict(format!(
        "order {order} is paid by another user or with another amount"
    ))
}

/// Only a bug leads here: a key that is taken leads to a payment, and an order that is not paid can
/// be.
fn impossible() -> ApiError {
    ApiError::unavailable(
        "payment",
        "key or order taken by a payment that is not there",
    )
}
