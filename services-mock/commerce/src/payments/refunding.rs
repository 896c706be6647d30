//! Gives money back, once for each key however often it is asked for.

use super::requests::Refund;
use super::rules::{self, AfterRefund, NoRefund, Topic};
use super::store::payments::{self, Payment};
use super::store::refunds::{self, Made, NewRefund};
use super::told;
use crate::error::ApiError;
use crate::state::AppState;
use crate::store::next_id;
use crate::trace::Trace;

/// Gives back; the payment as it is after that refund, also when it is asked for again. 404 when
/// there is no such payment, 400 for more than was paid, 409 for more than is left, for a payment
/// that failed, or when the key was used for another refund of it.
pub(super) async fn refund(
    state: &AppState,
    trace: &Trace,
    wish: &Refund,
    key: Option<&str>,
) -> Result<Payment, ApiError> {
    let now_ms = state.now_ms();
    let mut tx = state.store.begin().await?;
    let payment = payments::lock(&mut tx, &wish.payment_id).await?;
    let payment = payment.ok_or_else(|| missing(&wish.payment_id))?;
    if let Some(key) = key
        && let Some(made) = refunds::by_key(&mut tx, payment.id, key).await?
    {
        return made_before(payment, &made, wish);
    }
    let (status, amount) = (payment.status, payment.amount);
    let after = rules::refund(status, amount, payment.refunded, wish.refund_amount)
        .map_err(|why| refused(&payment, why))?;
    payments::give_back(&mut tx, payment.id, after, now_ms).await?;
    let new = NewRefund {
        id: next_id(&mut tx, "refund").await?,
        payment: payment.id,
        key,
        wish,
        refunded: after.refunded,
    };
    refunds::insert(&mut tx, new, now_ms).await?;
    let payment = as_after(payment, after, now_ms);
    let back = Some(wish.refund_amount);
    told::tell(&mut tx, state, trace, &payment, Topic::Refunded, back).await?;
    tx.commit().await?;
    state.wake.tasks();
    Ok(payment)
}

fn as_after(payment: Payment, after: AfterRefund, at_ms: i64) -> Payment {
    Payment {
        refunded: after.refunded,
        status: after.status,
        updated_ms: at_ms,
        ..payment
    }
}

fn made_before(payment: Payment, made: &Made, wish: &Refund) -> Result<Payment, ApiError> {
    if made.fingerprint != wish.fingerprint() {
        let message = "the Idempotency-Key was used for another refund";
        return Err(ApiError::conflict(message));
    }
    let after = AfterRefund {
        refunded: made.refunded,
        status: rules::status_of_paid(payment.amount, made.refunded),
    };
    Ok(as_after(payment, after, made.created_ms))
}

/// 404 that names the payment.
pub(super) fn missing(payment_id: &str) -> ApiError {
    ApiError::not_found(format!("no payment with id {payment_id:?}"))
}

fn refused(payment: &Payment, why: NoRefund) -> ApiError {
    let (id, amount) = (&payment.payment_id, payment.amount);
    match why {
        NoRefund::NotPaid => {
            let status = payment.status.name();
            ApiError::conflict(format!("payment {id} is {status}: nothing was paid"))
        }
        NoRefund::MoreThanPaid => {
            let message = format!("refundAmount must be at most {amount}, the amount paid");
            ApiError::invalid(message)
        }
        NoRefund::MoreThanLeft(left) => {
            ApiError::conflict(format!("of payment {id} only {left} is left"))
        }
    }
}
