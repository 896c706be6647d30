//! Orders as clients and listeners see them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::requests::{Address, PageWish};
use super::rules::{OrderStatus, PaymentStatus};
use super::store::{Line, Order, Passage, Sum};
use crate::clock::iso_local;
use crate::events::NewEvent;
use crate::money::Money;

/// The topic of all events of orders.
pub(super) const TOPIC: &str = "order-events";

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderBody {
    id: i64,
    order_number: String,
    user_id: i64,
    user_email: String,
    items: Vec<ItemBody>,
    total_amount: Money,
    /// Pieces, not products.
    total_items: i64,
    status: OrderStatus,
    payment_id: Option<String>,
    payment_status: Option<PaymentStatus>,
    shipping_address: Address,
    notes: Option<String>,
    /// The customer wants out; what is paid becomes REFUNDED once the money is back.
    cancellation_requested: bool,
    /// Why the order came to its status, where something went wrong or somebody said so.
    reason: Option<String>,
    /// ISO 8601 without zone, UTC.
    created_at: String,
    updated_at: String,
}

/// A product in an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ItemBody {
    id: i64,
    product_id: String,
    product_name: String,
    product_image: Option<String>,
    /// Of one piece, when it was ordered.
    price: Money,
    quantity: i64,
    subtotal: Money,
}

impl From<Order> for OrderBody {
    fn from(order: Order) -> OrderBody {
        OrderBody {
            id: order.id,
            order_number: order.order_number,
            user_id: order.user_id,
            user_email: order.user_email,
            items: order.lines.into_iter().map(ItemBody::from).collect(),
            total_amount: order.total,
            total_items: order.total_items,
            status: order.status,
            payment_id: order.payment_id,
            payment_status: order.payment_status,
            shipping_address: order.shipping_address,
            notes: order.notes,
            cancellation_requested: order.cancel_requested,
            reason: order.reason,
            created_at: iso_local(order.created_ms),
            updated_at: iso_local(order.updated_ms),
        }
    }
}

impl From<Line> for ItemBody {
    fn from(line: Line) -> ItemBody {
        ItemBody {
            id: line.id,
            subtotal: line.subtotal(),
            product_id: line.product_id,
            product_name: line.product_name,
            product_image: line.product_image,
            price: line.price,
            quantity: line.quantity,
        }
    }
}

/// A part of the caller's orders.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageBody {
    content: Vec<OrderBody>,
    total_elements: i64,
    total_pages: i64,
    /// From 0.
    number: i64,
    size: i64,
    first: bool,
    last: bool,
}

impl PageBody {
    /// The page that was wished for, of so many orders in all.
    pub(super) fn new(orders: Vec<Order>, wish: PageWish, total_elements: i64) -> PageBody {
        let total_pages = (total_elements + wish.size - 1) / wish.size;
        PageBody {
            content: orders.into_iter().map(OrderBody::from).collect(),
            total_elements,
            total_pages,
            number: wish.page,
            size: wish.size,
            first: wish.page == 0,
            last: wish.page + 1 >= total_pages,
        }
    }
}

/// How an order came to a status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PassageBody {
    /// None at the beginning.
    from_status: Option<OrderStatus>,
    to_status: OrderStatus,
    reason: Option<String>,
    at: String,
}

impl From<Passage> for PassageBody {
    fn from(passage: Passage) -> PassageBody {
        PassageBody {
            from_status: passage.from,
            to_status: passage.to,
            reason: passage.reason,
            at: iso_local(passage.at_ms),
        }
    }
}

/// All orders added up, to be held against stock and payments.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReconciliationBody {
    /// By status; those that no order has are missing.
    by_status: BTreeMap<&'static str, SumBody>,
    orders: i64,
    total_amount: Money,
    /// Orders with which the saga is not done.
    unfinished: i64,
    /// Of orders with a payment that holds.
    paid_amount: Money,
    /// Of orders whose money is back.
    refunded_amount: Money,
    /// Pieces in orders that are PROCESSING, SHIPPED or DELIVERED.
    sold_items: i64,
}

/// Orders of one status.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SumBody {
    orders: i64,
    total_amount: Money,
    items: i64,
}

impl ReconciliationBody {
    /// Adds up what the store added up by status, payment and whether it is finished.
    pub(super) fn new(sums: &[Sum]) -> ReconciliationBody {
        let mut body = ReconciliationBody::default();
        for sum in sums {
            let of_status = body.by_status.entry(sum.status.name()).or_default();
            of_status.orders += sum.orders;
            of_status.items += sum.items;
            of_status.total_amount = of_status.total_amount + sum.total;
            body.orders += sum.orders;
            body.total_amount = body.total_amount + sum.total;
            body.unfinished += if sum.finished { 0 } else { sum.orders };
            match sum.payment_status {
                Some(PaymentStatus::Completed) => body.paid_amount = body.paid_amount + sum.total,
                Some(PaymentStatus::Refunded) => {
                    body.refunded_amount = body.refunded_amount + sum.total;
                }
                Some(PaymentStatus::Failed) | None => {}
            }
            use OrderStatus::{Delivered, Processing, Shipped};
            if matches!(sum.status, Processing | Shipped | Delivered) {
                body.sold_items += sum.items;
            }
        }
        body
    }
}

/// The state of the service, for those who only ask whether it is there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBody {
    /// Always `UP`.
    pub(super) status: &'static str,
    pub(super) service: &'static str,
}

/// An event about the order as it is after the change.
pub(super) fn event(
    order: &Order,
    kind: &'static str,
    previous: Option<OrderStatus>,
) -> NewEvent<'static> {
    NewEvent {
        topic: TOPIC,
        kind,
        subject: order.id.to_string(),
        payload: payload(order, previous),
    }
}

fn payload(order: &Order, previous: Option<OrderStatus>) -> Value {
    json!({
        "orderId": order.id,
        "orderNumber": order.order_number,
        "userId": order.user_id,
        "userEmail": order.user_email,
        "status": order.status,
        "previousStatus": previous,
        "totalAmount": order.total,
        "totalItems": order.total_items,
        "paymentId": order.payment_id,
        "paymentStatus": order.payment_status,
        "cancellationRequested": order.cancel_requested,
        "reason": order.reason,
    })
}
