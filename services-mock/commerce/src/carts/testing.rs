//! Cart services over each way to keep carts, before an inventory that the tests decide about.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::settings::ServiceName;
use crate::testing::on_each_store_with;
use crate::testing::{Answer, FakeGateway, RedisServer, Script, Shop, StoreKind};

/// More than a line may have.
pub(super) const PENS: i64 = 1000;
/// Less than a line may have.
pub(super) const LAMPS: i64 = 5;

/// PEN and LAMP are for sale, OLD no more, every other SKU is unknown.
pub(super) async fn inventory() -> FakeGateway {
    let fake = FakeGateway::start().await;
    fake.on(Method::GET, "/api/inventory/products/", |seen| {
        let sku = seen.path.rsplit('/').next().unwrap_or_default();
        match sku {
            "PEN" => product("Pen", 1.5, "ACTIVE"),
            "LAMP" => product("Lamp", 19.99, "ACTIVE"),
            "OLD" => product("Old", 1.0, "DISCONTINUED"),
            _ => Script::Json(404, json!({"message": "no such product"})),
        }
    });
    fake.on(Method::POST, "/api/inventory/check", |seen| {
        let stock = match seen.body["productSku"].as_str() {
            Some("PEN" | "OLD") => PENS,
            Some("LAMP") => LAMPS,
            _ => 0,
        };
        let wanted = seen.body["quantity"].as_i64().expect("a quantity");
        Script::Json(
            200,
            json!({"productSku": seen.body["productSku"],
            "available": wanted <= stock, "availableQuantity": stock,
            "requestedQuantity": wanted, "warehouseLocation": null, "message": "as asked"}),
        )
    });
    fake
}

fn product(name: &str, price: f64, status: &str) -> Script {
    Script::Json(
        200,
        json!({"id": 1, "sku": name.to_uppercase(), "name": name,
        "price": price, "status": status}),
    )
}

/// Runs the test body on memory, SQLite, PostgreSQL and Redis, one after the other.
pub(super) async fn on_each_cart_store(body: impl AsyncFn(Shop, &FakeGateway)) {
    let fake = inventory().await;
    let url = fake.url();
    on_each_store_with(
        ServiceName::Cart,
        |settings| settings.gateway_url = Some(url.clone()),
        async |shop| {
            fake.forget();
            body(shop, &fake).await;
        },
    )
    .await;
    fake.forget();
    let redis = RedisServer::start().await;
    // Captured and shown only when the test fails: tells on which store.
    eprintln!("on Redis");
    body(on_redis(&redis, &fake).await, &fake).await;
}

/// A service that keeps carts in Redis, and its outbox where several instances can write.
pub(super) async fn on_redis(redis: &RedisServer, fake: &FakeGateway) -> Shop {
    Shop::start(StoreKind::Postgres, ServiceName::Cart, |settings| {
        settings.gateway_url = Some(fake.url());
        settings.redis_url = Some(redis.url());
    })
    .await
}

/// Adds for a user, at a price that nobody should believe.
pub(super) async fn add(shop: &Shop, user: i64, sku: &str, quantity: i64) -> Answer {
    let body = item(sku, quantity);
    shop.post("/api/cart/items", &shop.user_token(user), body)
        .await
}

/// What a client of the original sends.
pub(super) fn item(sku: &str, quantity: i64) -> Value {
    json!({"productId": sku, "productName": "Gold", "price": 0.01, "quantity": quantity})
}

/// Asks as the guest of a session, with a user's token beside it unless that is empty.
pub(super) async fn as_guest(
    shop: &Shop,
    method: &str,
    path: &str,
    session: &str,
    token: &str,
    body: Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("X-Session-ID", session);
    if !token.is_empty() {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request = request.header("Content-Type", "application/json");
    let request = request.body(Body::from(body.to_string()));
    shop.ask(request.expect("a request")).await
}

/// The user's cart.
pub(super) async fn cart(shop: &Shop, user: i64) -> Value {
    let answer = shop.get("/api/cart", &shop.user_token(user)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

/// The types of all events so far.
pub(super) async fn told(shop: &Shop) -> Vec<String> {
    let events = shop.events().await.into_iter();
    events.map(|event| event.topic).collect()
}
