//! Several instances change the same cart at the same time, and nothing is lost.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::testing::{add, as_guest, cart, inventory, item, on_each_cart_store, on_redis, told};
use crate::testing::{RedisServer, Shop};

/// Posts to two instances in turn, all at once; the statuses in rising order.
async fn at_once(shop: &Shop, token: &str, path: &str, body: &Value, count: usize) -> Vec<u16> {
    let other = shop.another().await;
    let mut asking = JoinSet::new();
    for n in 0..count {
        let router = if n % 2 == 0 {
            shop.router()
        } else {
            other.router()
        };
        let request = Request::post(path)
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        asking.spawn(async move { router.oneshot(request).await.unwrap().status().as_u16() });
    }
    let mut statuses = asking.join_all().await;
    statuses.sort_unstable();
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adds_of_two_instances_at_once_all_count() {
    on_each_cart_store(async |shop, _| {
        let (token, wish) = (shop.user_token(7), item("PEN", 2));
        let statuses = at_once(&shop, &token, "/api/cart/items", &wish, 20).await;
        assert_eq!(statuses, [201; 20]);
        let cart = cart(&shop, 7).await;
        assert_eq!(cart["items"].as_array().unwrap().len(), 1);
        assert_eq!(cart["totalItems"], 40);
        let events = told(&shop).await;
        let count = |topic: &str| events.iter().filter(|t| *t == topic).count();
        assert_eq!((count("cart-created"), count("cart-item-added")), (1, 20));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adds_at_once_never_exceed_the_stock() {
    on_each_cart_store(async |shop, _| {
        let (token, wish) = (shop.user_token(7), item("LAMP", 2));
        let statuses = at_once(&shop, &token, "/api/cart/items", &wish, 6).await;
        assert_eq!(statuses, [201, 201, 400, 400, 400, 400]);
        assert_eq!(cart(&shop, 7).await["totalItems"], 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_merges_at_once_one_takes_the_guest_cart() {
    on_each_cart_store(async |shop, _| {
        let pens = item("PEN", 3);
        let answer = as_guest(&shop, "POST", "/api/cart/items", "s", "", pens).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        let (token, wish) = (shop.user_token(7), json!({"anonymousCartId": "s"}));
        let statuses = at_once(&shop, &token, "/api/cart/merge", &wish, 4).await;
        assert_eq!(statuses, [200, 404, 404, 404]);
        assert_eq!(cart(&shop, 7).await["totalItems"], 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_conversions_at_once_for_one_order_one_is_told() {
    on_each_cart_store(async |shop, _| {
        add(&shop, 7, "PEN", 3).await;
        let path = "/api/cart/7/convert-to-order?orderId=41";
        let statuses = at_once(&shop, &shop.service_token(), path, &Value::Null, 6).await;
        assert_eq!(statuses, [200; 6]);
        let events = told(&shop).await;
        let converted = events.iter().filter(|t| *t == "cart-converted-to-order");
        assert_eq!(converted.count(), 1);
    })
    .await;
}

#[tokio::test]
async fn redis_forgets_carts_after_two_hours_and_its_loss_is_a_503() {
    let redis = RedisServer::start().await;
    let fake = inventory().await;
    let shop = on_redis(&redis, &fake).await;
    add(&shop, 7, "PEN", 3).await;
    let client = shop.state().redis.clone().unwrap();
    let life_ms: i64 = redis::cmd("PTTL")
        .arg("cart:user:7")
        .query_async(&mut client.connection())
        .await
        .unwrap();
    assert!((7_100_000..=7_200_000).contains(&life_ms), "{life_ms}");
    drop(redis);
    let answer = shop.get("/api/cart", &shop.user_token(7)).await;
    assert_eq!(answer.status, 503, "{:?}", answer.body);
}
