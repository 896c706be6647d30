//! What others are told of a payment, in the transaction that made it true.

use serde_json::{Value, json};

use super::rules::Topic;
use super::store::deliveries::{self, NewDelivery, STANDING};
use super::store::payments::Payment;
use super::store::subscriptions;
use super::webhooks;
use crate::events::{self, Event, NewEvent};
use crate::money::Money;
use crate::state::AppState;
use crate::store::{Tx, next_ids};
use crate::trace::Trace;

/// Appends the event to the outbox and makes a delivery for each webhook that wants it. `refund` is
/// what this refund gives back. The last statements of the transaction.
pub(super) async fn tell(
    tx: &mut Tx,
    state: &AppState,
    trace: &Trace,
    payment: &Payment,
    topic: Topic,
    refund: Option<Money>,
) -> sqlx::Result<()> {
    let payload = payload(payment, refund);
    deliver(tx, state, trace, payment, topic, &payload).await?;
    let event = NewEvent {
        topic: topic.name(),
        kind: topic.kind(),
        subject: payment.payment_id.clone(),
        payload,
    };
    events::append(tx, state.now_ms(), trace, event).await
}

fn payload(payment: &Payment, refund: Option<Money>) -> Value {
    json!({
        "paymentId": payment.payment_id,
        "orderId": payment.order_id,
        "orderNumber": payment.order_number,
        "userId": payment.user_id,
        "userEmail": payment.user_email,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "errorMessage": payment.error_message,
        "refundAmount": refund,
    })
}

/// Webhooks that want the topic: number and address.
async fn listeners(
    tx: &mut Tx,
    state: &AppState,
    topic: Topic,
) -> sqlx::Result<Vec<(i64, String)>> {
    let subscriptions = subscriptions::all(&mut **tx).await?.into_iter();
    let subscribed = subscriptions.filter(|subscription| subscription.topics.contains(&topic));
    let mut listeners: Vec<_> = subscribed.map(|one| (one.id, one.url)).collect();
    if let Some(standing) = webhooks::standing(&state.settings) {
        listeners.push((STANDING, standing.url.to_owned()));
    }
    Ok(listeners)
}

/// The event has the form in which events travel between services. Its number is its own, the same
/// to each webhook: the outbox counts later.
async fn deliver(
    tx: &mut Tx,
    state: &AppState,
    trace: &Trace,
    payment: &Payment,
    topic: Topic,
    payload: &Value,
) -> sqlx::Result<()> {
    let listeners = listeners(tx, state, topic).await?;
    if listeners.is_empty() {
        return Ok(());
    }
    let event = Event {
        id: format!("{}:{}", state.settings.service, state.ids.uuid()),
        topic: topic.name().into(),
        kind: topic.kind().into(),
        subject: payment.payment_id.clone(),
        trace_id: trace.id().into(),
        occurred_ms: state.now_ms(),
        payload: payload.clone(),
    };
    let body = serde_json::to_string(&event).map_err(|cause| sqlx::Error::Encode(cause.into()))?;
    let count = i64::try_from(listeners.len()).unwrap_or(i64::MAX);
    let first = next_ids(tx, "delivery", count).await?;
    for (id, (webhook, url)) in (first..).zip(&listeners) {
        let new = NewDelivery {
            id,
            webhook: *webhook,
            url,
            event_id: &event.id,
            topic,
            payment_id: &payment.payment_id,
            trace_id: trace.id(),
            body: &body,
        };
        deliveries::insert(tx, new, state.now_ms()).await?;
    }
    Ok(())
}
