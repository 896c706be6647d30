//! The steps of the saga: which call each makes, and what each answer means for the order.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Pace;
use crate::error::ApiError;
use crate::gateway::{Call, CallError};
use crate::orders::rules::{Change, OrderStatus, PaymentStatus, Step};
use crate::orders::store::{self, Claim, Order};
use crate::state::AppState;
use crate::trace::Trace;

/// Tries to clear the cart, which is no reason to keep an order unfinished.
const CART_TRIES: i64 = 5;

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is certain how the order goes on.
    Done(Change),
    /// It is not; the same again later. With the cause, for the log.
    Later(String),
    /// The order was changed, or somebody else has the step by now.
    Lost,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    payment_id: Option<String>,
    status: String,
    error_message: Option<String>,
}

/// Does the step that was claimed. Fails when the store does; the lease brings the step back then.
pub(super) async fn work(
    state: &AppState,
    pace: &Pace,
    claim: &Claim,
) -> Result<Outcome, ApiError> {
    let trace = store::trace_of(state, &claim.order);
    let worker = Worker {
        state,
        pace,
        claim,
        order: &claim.order,
        trace,
    };
    match claim.order.step {
        None => Ok(Outcome::Lost),
        Some(Step::Reserve) => worker.reserve().await,
        Some(Step::BeginPayment) => Ok(worker.begin_payment()),
        Some(Step::Pay) => Ok(worker.pay().await),
        Some(Step::AskPayment) => Ok(worker.ask_payment().await),
        Some(Step::Confirm) => Ok(worker.confirm().await),
        Some(Step::ClearCart) => Ok(worker.clear_cart().await),
        Some(Step::Refund) => worker.refund().await,
        Some(Step::Release) => Ok(worker.release().await),
        Some(Step::Restock) => worker.restock().await,
    }
}

struct Worker<'a> {
    state: &'a AppState,
    pace: &'a Pace,
    claim: &'a Claim,
    order: &'a Order,
    trace: Trace,
}

impl Worker<'_> {
    /// Holds stock for the lines that are left.
    async fn reserve(&self) -> Result<Outcome, ApiError> {
        let failed = |why: String| {
            let change = Change::to(OrderStatus::InventoryFailed, Some(Step::Release));
            Ok(Outcome::Done(change.because(why)))
        };
        if self.is_late() {
            return failed("the inventory did not answer in time".into());
        }
        for (number, line) in self.lines_left() {
            let sku = &line.product_id;
            let wish = json!({"orderId": self.order.id, "productSku": sku,
                              "quantity": line.quantity});
            match self.post("/api/inventory/reserve", wish).await {
                Ok(reply) if is_held(&reply.body) => {}
                Ok(_) => return failed(format!("{sku} is not held any more")),
                Err(CallError::Refused { message, .. }) => {
                    return failed(format!("{sku} cannot be reserved: {message}"));
                }
                Err(error) => return Ok(Outcome::Later(error.to_string())),
            }
            if !self.progress(number).await? {
                return Ok(Outcome::Lost);
            }
        }
        let next = Some(Step::BeginPayment);
        Ok(Outcome::Done(Change::to(
            OrderStatus::InventoryReserved,
            next,
        )))
    }

    /// Closes the order to cancelling, before any money is asked for.
    fn begin_payment(&self) -> Outcome {
        if self.is_late() {
            let change = Change::to(OrderStatus::Cancelled, Some(Step::Release));
            return Outcome::Done(change.because("it took too long to reserve"));
        }
        Outcome::Done(Change::to(OrderStatus::PaymentProcessing, Some(Step::Pay)))
    }

    /// Takes the money. A refusal says little of what earlier tries did, so that it is asked after.
    async fn pay(&self) -> Outcome {
        let ask = Change::then(Some(Step::AskPayment));
        if self.is_late() {
            return Outcome::Done(ask.because("the payment did not come through in time"));
        }
        let order = self.order;
        let body = json!({"orderId": order.id, "orderNumber": order.order_number,
            "userId": order.user_id, "amount": order.total, "currency": "USD",
            "paymentMethod": order.payment_method});
        let call = self.call(Method::POST, "/api/payments/process").json(body);
        let call = call.idempotency_key(format!("order-{}", order.id));
        match self.state.gateway.call::<Payment>(call).await {
            Ok(payment) => paid(payment),
            Err(CallError::Refused { message, .. }) => {
                Outcome::Done(ask.because(format!("the payment was refused: {message}")))
            }
            Err(error) => Outcome::Later(error.to_string()),
        }
    }

    /// Finds out what became of the payment, which is not asked for again.
    async fn ask_payment(&self) -> Outcome {
        let path = format!("/api/payments/order/{}", self.order.id);
        let call = self.call(Method::GET, path);
        match self.state.gateway.call::<Payment>(call).await {
            Ok(payment) => paid(payment),
            Err(CallError::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }) if self.payment_is_settled() => {
                let change = Change::to(OrderStatus::PaymentFailed, Some(Step::Release));
                Outcome::Done(change.with_payment(None, PaymentStatus::Failed))
            }
            Err(error) => Outcome::Later(error.to_string()),
        }
    }

    /// Whether no request for the payment can be on its way any more.
    fn payment_is_settled(&self) -> bool {
        self.state.now_ms() >= self.order.pay_tried_ms + self.pace.settle_ms
    }

    /// Takes the goods. The money is there, so that this is repeated until the inventory says yes
    /// or no, however late.
    async fn confirm(&self) -> Outcome {
        let path = format!("/api/inventory/confirm/order/{}", self.order.id);
        match self.post(&path, json!({})).await {
            Ok(_) => Outcome::Done(Change::to(OrderStatus::Processing, Some(Step::ClearCart))),
            Err(CallError::Refused {
                status: StatusCode::CONFLICT | StatusCode::NOT_FOUND,
                message,
            }) => {
                let change = Change::then(Some(Step::Refund)).telling("ORDER_SAGA_FAILED");
                Outcome::Done(change.because(format!("the goods are gone: {message}")))
            }
            Err(error) => Outcome::Later(error.to_string()),
        }
    }

    /// Clears the cart; the order is good without it.
    async fn clear_cart(&self) -> Outcome {
        let (user, order) = (self.order.user_id, self.order.id);
        let path = format!("/api/cart/{user}/convert-to-order?orderId={order}");
        let done = Change::then(None);
        match self.post(&path, json!({})).await {
            Ok(_) => Outcome::Done(done.telling("ORDER_CART_CLEARED")),
            Err(CallError::Refused { .. }) => Outcome::Done(done),
            Err(_) if self.order.attempts >= CART_TRIES => Outcome::Done(done),
            Err(error) => Outcome::Later(error.to_string()),
        }
    }

    /// Gives the money back; then the order is REFUNDED, and not before.
    async fn refund(&self) -> Result<Outcome, ApiError> {
        let Some(payment) = self.order.payment_id.as_deref() else {
            return Ok(Outcome::Later("no payment to refund".into()));
        };
        let path = format!("/api/payments/{payment}/refund");
        let reason = self.order.reason.as_deref().unwrap_or("order cancelled");
        let body = json!({"paymentId": payment, "refundAmount": self.order.total,
                          "reason": reason});
        let call = self.call(Method::POST, path).json(body);
        let call = call.idempotency_key(format!("order-{}-refund", self.order.id));
        let answer = match self.state.gateway.call::<Payment>(call).await {
            // It may have been refunded on another way, and can be only once.
            Err(CallError::Refused { .. }) => {
                // Prolongs the lease, which is meant for one call.
                if !self.progress(0).await? {
                    return Ok(Outcome::Lost);
                }
                let call = self.call(Method::GET, format!("/api/payments/{payment}"));
                self.state.gateway.call::<Payment>(call).await
            }
            answer => answer,
        };
        Ok(match answer {
            Ok(payment) if payment.status == "REFUNDED" => Outcome::Done(self.refunded()),
            Ok(payment) => Outcome::Later(format!("the payment is {}", payment.status)),
            Err(error) => Outcome::Later(error.to_string()),
        })
    }

    /// What is left to do depends on where the goods are.
    fn refunded(&self) -> Change {
        let next = match self.order.status {
            OrderStatus::PaymentCompleted => Some(Step::Release),
            OrderStatus::Processing => Some(Step::Restock),
            // With the customer.
            _ => None,
        };
        let change = Change::to(OrderStatus::Refunded, next);
        change.with_payment(None, PaymentStatus::Refunded)
    }

    /// Gives back whatever is held. An inventory that says no holds nothing.
    async fn release(&self) -> Outcome {
        let path = format!("/api/inventory/release/order/{}", self.order.id);
        match self.post(&path, json!({})).await {
            Ok(_)
            | Err(CallError::Refused {
                status: StatusCode::NOT_FOUND | StatusCode::CONFLICT,
                ..
            }) => Outcome::Done(self.released()),
            Err(error) => Outcome::Later(error.to_string()),
        }
    }

    fn released(&self) -> Change {
        let change = match self.order.status {
            OrderStatus::InventoryFailed | OrderStatus::PaymentFailed => {
                Change::to(OrderStatus::Cancelled, None)
            }
            _ => Change::then(None),
        };
        change.telling("ORDER_INVENTORY_RELEASED")
    }

    /// Puts goods that were taken for good back on the shelf, line by line; the reference makes
    /// each one adjustment however often it is sent.
    async fn restock(&self) -> Result<Outcome, ApiError> {
        for (number, line) in self.lines_left() {
            let order = self.order.id;
            let body = json!({"productSku": line.product_id, "quantityAdjustment": line.quantity,
                "reason": format!("order {order} was cancelled"),
                "reference": format!("order-{order}-line-{}", line.id)});
            match self.post("/api/inventory/adjust", body).await {
                Ok(_) => {}
                // The product is not kept any more, or the line was put back before.
                Err(CallError::Refused {
                    status: StatusCode::NOT_FOUND | StatusCode::CONFLICT,
                    ..
                }) => {}
                Err(error) => return Ok(Outcome::Later(error.to_string())),
            }
            if !self.progress(number).await? {
                return Ok(Outcome::Lost);
            }
        }
        let change = Change::then(None).telling("ORDER_INVENTORY_RELEASED");
        Ok(Outcome::Done(change))
    }

    /// Lines that are not done, with how many are done after each.
    fn lines_left(&self) -> impl Iterator<Item = (i64, &store::Line)> {
        let done = usize::try_from(self.order.lines_done).unwrap_or(0);
        (1..).zip(&self.order.lines).skip(done)
    }

    async fn progress(&self, lines_done: i64) -> sqlx::Result<bool> {
        store::progress(self.state, self.claim, lines_done, self.pace.lease_ms).await
    }

    fn is_late(&self) -> bool {
        self.state.now_ms() >= self.order.deadline_ms
    }

    fn call(&self, method: Method, path: impl Into<String>) -> Call {
        Call::new(method, path, &self.trace).timeout(self.pace.call)
    }

    async fn post(
        &self,
        path: &str,
        body: serde_json::Value,
    ) -> Result<crate::gateway::Reply, CallError> {
        let call = self.call(Method::POST, path).json(body);
        self.state.gateway.send(call).await
    }
}

/// What a payment that is there means for the order.
fn paid(payment: Payment) -> Outcome {
    let Some(id) = payment.payment_id else {
        return Outcome::Later("a payment without a number".into());
    };
    let failed = |status| {
        let why = payment.error_message.as_deref().unwrap_or("payment failed");
        let change = Change::to(OrderStatus::PaymentFailed, Some(Step::Release));
        Outcome::Done(change.because(why).with_payment(Some(id.clone()), status))
    };
    match payment.status.as_str() {
        "COMPLETED" => {
            let change = Change::to(OrderStatus::PaymentCompleted, Some(Step::Confirm));
            Outcome::Done(change.with_payment(Some(id), PaymentStatus::Completed))
        }
        "FAILED" | "CANCELLED" => failed(PaymentStatus::Failed),
        // By hand, before the order knew that it was paid.
        "REFUNDED" => failed(PaymentStatus::Refunded),
        other => Outcome::Later(format!("the payment is {other}")),
    }
}

/// An inventory that repeats its answer tells what became of the reservation since.
fn is_held(body: &[u8]) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    matches!(body["status"].as_str(), None | Some("ACTIVE"))
}
