//! The order service's saga against this service: what it asks is what is answered.

use http::Method;
use serde_json::{Value, json};

use super::{money, payment, refund, sums};
use crate::settings::{ServiceName, Settings};
use crate::testing::{FakeGateway, Script, Shop, StoreKind};

/// An order service and a payment service behind one gateway; carts hold two of A at 7.50, and
/// whatever is asked of the inventory it does.
async fn start(kind: StoreKind) -> (FakeGateway, Shop, Shop) {
    let gateway = FakeGateway::start().await;
    let cart = json!({"items": [{"productId": "A", "productName": "a", "quantity": 2}],
                      "status": "ACTIVE"});
    let always = |status: u16, body: Value| {
        move |_: &crate::testing::Seen| Script::Json(status, body.clone())
    };
    gateway.on(Method::GET, "/api/cart", always(200, cart));
    gateway.on(Method::POST, "/api/cart", always(200, json!({})));
    let product = json!({"price": 7.5, "status": "ACTIVE"});
    gateway.on(
        Method::GET,
        "/api/inventory/products/A",
        always(200, product),
    );
    gateway.on(Method::POST, "/api/inventory", always(200, json!({})));
    gateway.on(Method::POST, "/api/notifications", always(200, json!({})));
    let url = gateway.url();
    let behind = |settings: &mut Settings| settings.gateway_url = Some(url.clone());
    let orders = Shop::start(kind, ServiceName::Order, behind).await;
    let payments = Shop::start(kind, ServiceName::Payment, behind).await;
    gateway.mount("/api/payments", payments.router());
    gateway.mount("/api/orders", orders.router());
    (gateway, orders, payments)
}

async fn place(orders: &Shop) -> i64 {
    let wish = json!({"items": [], "shippingAddress": {"street": "Main 1", "city": "Springfield",
        "state": "IL", "zipCode": "62704", "country": "US"}});
    let answer = orders
        .post("/api/orders", &orders.user_token(7), wish)
        .await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.body["id"].as_i64().unwrap()
}

async fn order(orders: &Shop, id: i64) -> Value {
    let path = format!("/api/orders/{id}");
    orders.get(&path, &orders.service_token()).await.body
}

async fn cancel(orders: &Shop, id: i64) {
    let path = format!("/api/orders/{id}/cancel");
    let token = orders.user_token(7);
    let answer = orders.send(Method::POST, &path, &token, None).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

/// Lets the saga work until the order is neither being paid nor refunded.
async fn settle(orders: &Shop) {
    for _ in 0..40 {
        orders.run_tasks().await;
        orders.clock().advance_ms(20_000);
    }
}

#[tokio::test]
async fn an_order_is_paid_and_refunded() {
    for kind in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres] {
        let (_gateway, orders, payments) = start(kind).await;
        let id = place(&orders).await;
        orders.run_tasks().await;
        let done = order(&orders, id).await;
        assert_eq!(done["status"], "PROCESSING", "{done}");
        let paid = payment(&payments, done["paymentId"].as_str().unwrap()).await;
        assert_eq!(
            (&paid["orderId"], &paid["amount"], &paid["userId"]),
            (&json!(id), &json!(15.0), &json!(7))
        );
        cancel(&orders, id).await;
        orders.run_tasks().await;
        assert_eq!(order(&orders, id).await["status"], "REFUNDED");
        assert_eq!(money(&payments).await, [1500, 1500, 0]);
    }
}

#[tokio::test]
async fn answers_that_are_lost_lead_to_one_charge_and_one_refund() {
    for kind in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres] {
        let (gateway, orders, payments) = start(kind).await;
        let id = place(&orders).await;
        gateway.on(Method::POST, "/api/payments/process", |_| {
            Script::BreakAfter
        });
        orders.run_tasks().await;
        orders.clock().advance_ms(1000);
        orders.run_tasks().await;
        assert_eq!(order(&orders, id).await["status"], "PAYMENT_PROCESSING");
        // Until the saga stops paying and asks by the order.
        orders.clock().advance_ms(600_000);
        settle(&orders).await;
        let done = order(&orders, id).await;
        assert_eq!(done["status"], "PROCESSING", "{done}");
        assert_eq!(money(&payments).await, [1500, 0, 1500]);
        gateway.on(Method::POST, "/api/payments/PAY-", |_| Script::BreakAfter);
        cancel(&orders, id).await;
        orders.run_tasks().await;
        gateway.on(Method::POST, "/api/payments/PAY-", |_| Script::Pass);
        settle(&orders).await;
        assert_eq!(order(&orders, id).await["status"], "REFUNDED");
        assert_eq!(money(&payments).await, [1500, 1500, 0]);
    }
}

#[tokio::test]
async fn an_order_whose_payment_never_arrives_is_cancelled() {
    let (gateway, orders, payments) = start(StoreKind::Memory).await;
    let id = place(&orders).await;
    gateway.on(Method::POST, "/api/payments/process", |_| Script::Break);
    settle(&orders).await;
    let done = order(&orders, id).await;
    assert_eq!(
        (&done["status"], &done["paymentStatus"]),
        (&json!("CANCELLED"), &json!("FAILED"))
    );
    assert_eq!(sums(&payments).await["payments"], 0);
}

#[tokio::test]
async fn a_customer_who_pays_in_person_is_not_charged_again_and_cannot_pay_too_little() {
    let (_gateway, orders, payments) = start(StoreKind::Memory).await;
    let id = place(&orders).await;
    let token = payments.user_token(7);
    let pay = async |amount: f64| {
        let wish = json!({"orderId": id, "userId": 7, "amount": amount});
        payments.post(super::PAY, &token, wish).await
    };
    assert_eq!(pay(0.01).await.status, 409);
    assert_eq!(pay(15.0).await.status, 201);
    orders.run_tasks().await;
    assert_eq!(order(&orders, id).await["status"], "PROCESSING");
    assert_eq!(pay(15.0).await.status, 200);
    assert_eq!(money(&payments).await, [1500, 0, 1500]);
}

/// An administrator may have given all of it back before the saga does.
#[tokio::test]
async fn a_payment_that_is_refunded_by_hand_counts_as_refunded() {
    let (_gateway, orders, payments) = start(StoreKind::Memory).await;
    let id = place(&orders).await;
    orders.run_tasks().await;
    let paid = order(&orders, id).await["paymentId"].clone();
    assert_eq!(
        refund(&payments, paid.as_str().unwrap(), "", 15.0)
            .await
            .status,
        200
    );
    cancel(&orders, id).await;
    settle(&orders).await;
    assert_eq!(order(&orders, id).await["status"], "REFUNDED");
    assert_eq!(money(&payments).await, [1500, 1500, 0]);
}
