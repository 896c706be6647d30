//! Tests of the service over all stores, with the other services played by [`world::World`].

mod api;
mod changing;
mod property;
mod workers;
mod world;

use std::time::Duration;

use serde_json::{Value, json};

use super::saga::{Pace, run_once};
use crate::testing::{Answer, Shop};

/// As in the shop, but for calls that hang, which the clock of a test does not shorten.
const PACE: Pace = Pace {
    call: Duration::from_millis(250),
    ..Pace::USUAL
};

fn wish() -> Value {
    json!({"items": [], "notes": "ring twice", "shippingAddress": {"street": "Main 1",
        "city": "Springfield", "state": "IL", "zipCode": "62704", "country": "US"}})
}

async fn place(shop: &Shop, user: i64) -> i64 {
    let answer = shop
        .post("/api/orders", &shop.user_token(user), wish())
        .await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.body["id"].as_i64().unwrap()
}

async fn order(shop: &Shop, id: i64) -> Value {
    let path = format!("/api/orders/{id}");
    shop.get(&path, &shop.service_token()).await.body
}

async fn cancel(shop: &Shop, id: i64, user: i64) -> Answer {
    let path = format!("/api/orders/{id}/cancel?reason=too%20late");
    let request = http::Method::POST;
    shop.send(request, &path, &shop.user_token(user), None)
        .await
}

async fn put_status(shop: &Shop, id: i64, status: &str) -> Answer {
    let path = format!("/api/orders/{id}/status");
    let body = json!({"status": status, "reason": "by hand"});
    shop.put(&path, &shop.admin_token(), body).await
}

/// Works until nothing is due.
async fn run(shop: &Shop) {
    while run_once(shop.state(), &PACE).await.unwrap() {}
}

/// Works and lets time pass until the saga is done with every order.
async fn run_to_the_end(shop: &Shop) {
    for _ in 0..100 {
        run(shop).await;
        let path = "/api/orders/reconciliation";
        let sums = shop.get(path, &shop.service_token()).await;
        if sums.body["unfinished"] == 0 {
            return;
        }
        shop.clock().advance_ms(20_000);
    }
    panic!("the saga does not end");
}

async fn statuses(shop: &Shop, id: i64) -> Vec<String> {
    let path = format!("/api/orders/{id}/history");
    let history = shop.get(&path, &shop.service_token()).await;
    let passages = history.body.as_array().unwrap().iter();
    let names = passages.map(|passage| passage["toStatus"].as_str().unwrap().to_owned());
    names.collect()
}
