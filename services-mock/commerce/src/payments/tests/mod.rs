//! Behaviour of the whole service over its endpoints, on each store.

mod concurrency;
mod deliveries;
mod paying;
mod property;
mod receiver;
mod refunding;
mod saga;
mod subscriptions;

use serde_json::{Value, json};

use crate::money::Money;
use crate::testing::{Answer, Shop};

const PAY: &str = "/api/payments";

/// 15.00 by user 7 for the order.
fn wish(order: i64) -> Value {
    json!({"orderId": order, "orderNumber": format!("ORD-{order}"), "userId": 7, "amount": 15.0,
           "currency": "USD", "paymentMethod": "CREDIT_CARD"})
}

/// The wish with other values.
fn with(mut wish: Value, changed: &Value) -> Value {
    let fields = changed.as_object().unwrap().clone();
    wish.as_object_mut().unwrap().extend(fields);
    wish
}

/// As order-service pays.
async fn pay(shop: &Shop, key: &str, wish: Value) -> Answer {
    shop.post_once(PAY, &shop.service_token(), key, wish).await
}

/// The number of a new payment of 15.00 for the order.
async fn paid(shop: &Shop, order: i64) -> String {
    let answer = pay(shop, &format!("order-{order}"), wish(order)).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.body["paymentId"].as_str().unwrap().to_owned()
}

/// Gives back; an empty key sends none.
async fn refund(shop: &Shop, payment: &str, key: &str, amount: f64) -> Answer {
    let path = format!("{PAY}/{payment}/refund");
    let body = json!({"paymentId": payment, "refundAmount": amount, "reason": "broken"});
    let token = shop.service_token();
    match key {
        "" => shop.post(&path, &token, body).await,
        key => shop.post_once(&path, &token, key, body).await,
    }
}

async fn payment(shop: &Shop, id: &str) -> Value {
    let path = format!("{PAY}/{id}");
    shop.get(&path, &shop.service_token()).await.body
}

/// Sums that are consistent.
async fn sums(shop: &Shop) -> Value {
    let path = "/api/payments/reconciliation";
    let answer = shop.get(path, &shop.service_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["consistent"], true, "{:?}", answer.body);
    assert_eq!(answer.body["duplicateOrders"], 0, "{:?}", answer.body);
    answer.body
}

/// Paid, given back, left, in cents.
async fn money(shop: &Shop) -> [i64; 3] {
    let sums = sums(shop).await;
    ["paidAmount", "refundedAmount", "netAmount"].map(|field| {
        let amount: Money = serde_json::from_value(sums[field].clone()).unwrap();
        amount.to_cents()
    })
}

/// Topics and payloads of the events so far.
async fn told(shop: &Shop) -> Vec<(String, Value)> {
    let events = shop.events().await.into_iter();
    events.map(|event| (event.topic, event.payload)).collect()
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|&&got| got == status).count()
}
