//! Behaviour of the whole service over its endpoints, on each store.

mod api;
mod changing;
mod email;
mod events;
mod preferences;
mod sharing;
mod templates;
mod webhooks;

use serde_json::{Value, json};

use crate::settings::ServiceName;
use crate::testing::{Answer, Shop, on_each_store};

const HOUR_MS: i64 = 3_600_000;
const PATH: &str = "/api/notifications";

/// Runs the body on each store at noon, when nobody has quiet hours unless they say so.
async fn at_noon(body: impl AsyncFn(Shop)) {
    on_each_store(ServiceName::Notification, async |shop| {
        shop.clock().advance_ms(12 * HOUR_MS);
        body(shop).await;
    })
    .await;
}

/// A notification with these channels, and fields that differ from the usual ones.
fn wish(channels: &[&str], changed: Value) -> Value {
    let mut body = json!({"type": "SYSTEM_ALERT", "title": "Hello", "message": "It works.",
                          "channels": channels});
    let fields = changed.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    body
}

async fn post(shop: &Shop, token: &str, body: Value) -> Answer {
    shop.post(PATH, token, body).await
}

/// The number of a notification that the user makes.
async fn made(shop: &Shop, user: i64, body: Value) -> i64 {
    let answer = post(shop, &shop.user_token(user), body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.body["id"].as_i64().unwrap()
}

async fn notification(shop: &Shop, id: i64) -> Value {
    let path = format!("{PATH}/{id}");
    let answer = shop.get(&path, &shop.service_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

async fn status(shop: &Shop, id: i64) -> String {
    let body = notification(shop, id).await;
    body["status"].as_str().unwrap().to_owned()
}

async fn deliveries(shop: &Shop, id: i64) -> Vec<Value> {
    let path = format!("{PATH}/{id}/deliveries");
    let answer = shop.get(&path, &shop.service_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body.as_array().unwrap().clone()
}

/// Status and last error of the only delivery.
async fn delivery(shop: &Shop, id: i64) -> (String, String) {
    let all = deliveries(shop, id).await;
    assert_eq!(all.len(), 1, "{all:?}");
    let text = |field: &str| all[0][field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("lastError"))
}

async fn put_status(shop: &Shop, id: i64, to: &str) -> Answer {
    let path = format!("{PATH}/{id}/status");
    let body = json!({"status": to, "reason": "by hand"});
    shop.put(&path, &shop.admin_token(), body).await
}

/// All notifications of the user, the first first.
async fn all_of(shop: &Shop, user: i64) -> Vec<Value> {
    let path = format!("{PATH}?size=100&userId={user}");
    let answer = shop.get(&path, &shop.admin_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let mut all = answer.body["content"].as_array().unwrap().clone();
    all.reverse();
    all
}

fn event(id: &str, topic: &str, kind: &str, payload: Value) -> Value {
    json!({"id": id, "topic": topic, "type": kind, "subject": "1", "payload": payload,
           "traceId": "0123456789abcdef0123456789abcdef", "occurredMs": 0})
}

async fn tell(shop: &Shop, events: &[Value]) -> Value {
    let body = json!({"events": events});
    let path = "/api/notifications/events";
    let answer = shop.post(path, &shop.service_token(), body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}
