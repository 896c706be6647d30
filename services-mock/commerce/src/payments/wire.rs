//! Payments, webhooks and sums as clients see them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::requests::PageWish;
use super::rules::{Currency, DeliveryStatus, PaymentMethod, PaymentStatus, Topic};
use super::store::deliveries::{Delivery, STANDING};
use super::store::payments::Payment;
use super::store::reconciliation::Sums;
use super::store::subscriptions::Subscription;
use crate::clock::iso_local;
use crate::money::Money;
use crate::order_id::OrderId;

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentBody {
    /// `PAY-<uuid>`
    payment_id: String,
    order_id: Option<OrderId>,
    order_number: Option<String>,
    user_id: i64,
    amount: Money,
    currency: Currency,
    method: PaymentMethod,
    description: Option<String>,
    payment_reference: Option<String>,
    /// COMPLETED, FAILED, or REFUNDED once all of the amount is back.
    status: PaymentStatus,
    /// Why it failed.
    error_message: Option<String>,
    /// Of all refunds so far.
    refund_amount: Money,
    /// ISO 8601 without zone, UTC.
    created_at: String,
    updated_at: String,
}

impl From<Payment> for PaymentBody {
    fn from(payment: Payment) -> PaymentBody {
        PaymentBody {
            payment_id: payment.payment_id,
            order_id: payment.order_id,
            order_number: payment.order_number,
            user_id: payment.user_id,
            amount: payment.amount,
            currency: payment.currency,
            method: payment.method,
            description: payment.description,
            payment_reference: payment.reference,
            status: payment.status,
            error_message: payment.error_message,
            refund_amount: payment.refunded,
            created_at: iso_local(payment.created_ms),
            updated_at: iso_local(payment.updated_ms),
        }
    }
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageBody<T> {
    content: Vec<T>,
    total_elements: i64,
    total_pages: i64,
    /// From 0.
    number: i64,
    size: i64,
    first: bool,
    last: bool,
}

impl<T> PageBody<T> {
    /// The page that was wished for, of so many entries in all.
    pub(super) fn new(content: Vec<T>, wish: PageWish, total_elements: i64) -> PageBody<T> {
        let total_pages = (total_elements + wish.size - 1) / wish.size;
        PageBody {
            content,
            total_elements,
            total_pages,
            number: wish.page,
            size: wish.size,
            first: wish.page == 0,
            last: wish.page + 1 >= total_pages,
        }
    }
}

/// A subscription; its secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookBody {
    id: i64,
    url: String,
    events: Vec<Topic>,
    created_at: String,
}

impl From<Subscription> for WebhookBody {
    fn from(subscription: Subscription) -> WebhookBody {
        WebhookBody {
            id: subscription.id,
            url: subscription.url,
            events: subscription.topics,
            created_at: iso_local(subscription.created_ms),
        }
    }
}

/// An event on its way to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryBody {
    /// That of the header `X-Webhook-Id`.
    id: i64,
    /// The subscription; none for the webhook of the settings.
    webhook_id: Option<i64>,
    url: String,
    event_id: String,
    event: Topic,
    payment_id: String,
    status: DeliveryStatus,
    /// Times that sending was begun since it was last asked for.
    attempts: i64,
    /// Of the last answer; none when none came.
    status_code: Option<i64>,
    /// Why the last attempt did not succeed.
    error: Option<String>,
    /// While it is PENDING.
    next_attempt_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> DeliveryBody {
        let pending = delivery.status == DeliveryStatus::Pending;
        DeliveryBody {
            id: delivery.id,
            webhook_id: (delivery.webhook != STANDING).then_some(delivery.webhook),
            url: delivery.url,
            event_id: delivery.event_id,
            event: delivery.topic,
            payment_id: delivery.payment_id,
            status: delivery.status,
            attempts: delivery.attempts,
            status_code: delivery.status_code,
            error: delivery.error,
            next_attempt_at: pending.then(|| iso_local(delivery.next_try_ms)),
            created_at: iso_local(delivery.created_ms),
            updated_at: iso_local(delivery.updated_ms),
        }
    }
}

/// All payments added up, to be held against orders.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReconciliationBody {
    /// Payments by status; those that no payment has are missing.
    by_status: BTreeMap<&'static str, i64>,
    payments: i64,
    /// Ever taken, all currencies in one sum.
    paid_amount: Money,
    /// Given back of it.
    refunded_amount: Money,
    /// What is left of it.
    net_amount: Money,
    /// The same by currency; those in which nobody paid are missing.
    by_currency: BTreeMap<&'static str, SumBody>,
    /// Orders that are paid more than once: 0 at any time.
    duplicate_orders: i64,
    /// No order is paid twice, and the refunds add up to what the payments say.
    consistent: bool,
}

/// Payments of one currency.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SumBody {
    paid_amount: Money,
    refunded_amount: Money,
    net_amount: Money,
}

impl ReconciliationBody {
    /// Adds up what the store added up by status and currency.
    pub(super) fn new(sums: &Sums) -> ReconciliationBody {
        let mut body = ReconciliationBody::default();
        let mut total = SumBody::default();
        for sum in &sums.sums {
            *body.by_status.entry(sum.status.name()).or_default() += sum.payments;
            body.payments += sum.payments;
            total.add(sum.paid, sum.refunded);
            if sum.paid > Money::default() {
                let of_currency = body.by_currency.entry(sum.currency.name()).or_default();
                of_currency.add(sum.paid, sum.refunded);
            }
        }
        body.paid_amount = total.paid_amount;
        body.refunded_amount = total.refunded_amount;
        body.net_amount = total.net_amount;
        body.duplicate_orders = sums.orders_paid_twice;
        let refunds_agree = sums.sums.iter().all(|sum| sum.refunded == sum.refunds);
        body.consistent = refunds_agree && sums.orders_paid_twice == 0;
        body
    }
}

impl SumBody {
    fn add(&mut self, paid: Money, refunded: Money) {
        self.paid_amount = self.paid_amount + paid;
        self.refunded_amount = self.refunded_amount + refunded;
        self.net_amount = self.paid_amount - self.refunded_amount;
    }
}

/// The state of the service, for those who only ask whether it is there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBody {
    /// Always `UP`.
    pub(super) status: &'static str,
    pub(super) service: &'static str,
}
