//! Whether a customer may pay for an order in person: as much as it costs, and only their own.
//! Without this check anybody could have an order taken for paid by paying a cent for it.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;

use super::requests::Charge;
use super::rules::Currency;
use crate::error::ApiError;
use crate::gateway::{Call, CallError};
use crate::money::Money;
use crate::order_id::OrderId;
use crate::settings::Secret;
use crate::state::AppState;
use crate::trace::Trace;

/// The customer waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What the shop's prices are in.
const SHOP_CURRENCY: Currency = Currency::Usd;
/// Statuses of an order that is not paid and not given up.
const OPEN: [&str; 3] = ["PENDING", "INVENTORY_RESERVED", "PAYMENT_PROCESSING"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    user_id: i64,
    total_amount: Money,
    status: String,
}

/// Asks the order service in the customer's name. 400 when there is no such order, 403 when it is
/// somebody else's, 409 when it costs something else or is not to be paid any more, 503 when the
/// order service does not say.
pub(super) async fn check(
    state: &AppState,
    trace: &Trace,
    token: &Secret,
    order_id: &OrderId,
    charge: &Charge,
) -> Result<(), ApiError> {
    let missing = || ApiError::invalid(format!("there is no order {order_id}"));
    let number = order_id.number().ok_or_else(missing)?;
    let call = Call::new(Method::GET, format!("/api/orders/{number}"), trace);
    let call = call.on_behalf_of(token).timeout(TIMEOUT);
    let order: Order = match state.gateway.call(call).await {
        Ok(order) => order,
        Err(CallError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {
            return Err(missing());
        }
        Err(CallError::Refused { status, .. }) if status == StatusCode::FORBIDDEN => {
            return Err(not_yours());
        }
        Err(error) => return Err(ApiError::unavailable("order", error)),
    };
    agree(order_id, &order, charge)
}

fn not_yours() -> ApiError {
    ApiError::forbidden("the order belongs to somebody else")
}

fn agree(order_id: &OrderId, order: &Order, charge: &Charge) -> Result<(), ApiError> {
    if order.user_id != charge.user_id {
        return Err(not_yours());
    }
    let total = order.total_amount;
    if (charge.amount, charge.currency) != (total, SHOP_CURRENCY) {
        let currency = SHOP_CURRENCY.name();
        let message = format!("order {order_id} costs {total} {currency}");
        return Err(ApiError::conflict(message));
    }
    if !OPEN.contains(&&*order.status) {
        let message = format!("order {order_id} is {}", order.status);
        return Err(ApiError::conflict(message));
    }
    Ok(())
}
