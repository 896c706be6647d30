//! Who subscribes to what.

use serde_json::{Value, json};

use super::{paid, refund};
use crate::settings::ServiceName;
use crate::testing::{Answer, Shop, on_each_store, on_memory};

const WEBHOOKS: &str = "/api/payments/webhooks";
const SECRET: &str = "0123456789abcdef";

async fn subscribe(shop: &Shop, url: &str, events: Value) -> Answer {
    let body = json!({"url": url, "secret": SECRET, "events": events});
    shop.post(WEBHOOKS, &shop.admin_token(), body).await
}

async fn deliveries(shop: &Shop, query: &str) -> Value {
    let path = format!("{WEBHOOKS}/deliveries{query}");
    let answer = shop.get(&path, &shop.admin_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

#[tokio::test]
async fn subscriptions_are_made_shown_without_secret_and_ended() {
    on_each_store(ServiceName::Payment, async |shop| {
        let events = json!(["payment-processed", "payment-failed"]);
        let made = subscribe(&shop, "http://a/hook", events.clone()).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        let shown = json!({"id": 1, "url": "http://a/hook", "events": events,
            "createdAt": "2026-01-01T00:00:00.000"});
        assert_eq!(made.body, shown);
        let admin = shop.admin_token();
        assert_eq!(shop.get(WEBHOOKS, &admin).await.body, json!([shown]));
        let path = format!("{WEBHOOKS}/1");
        assert_eq!(shop.delete(&path, &admin).await.status, 204);
        assert_eq!(shop.delete(&path, &admin).await.status, 404);
        assert_eq!(shop.get(WEBHOOKS, &admin).await.body, json!([]));
    })
    .await;
}

#[tokio::test]
async fn an_event_makes_a_delivery_for_each_subscription_that_wants_it() {
    on_each_store(ServiceName::Payment, async |shop| {
        subscribe(
            &shop,
            "http://a/",
            json!(["payment-processed", "payment-refunded"]),
        )
        .await;
        subscribe(&shop, "http://b/", json!(["payment-refunded"])).await;
        let id = paid(&shop, 5).await;
        refund(&shop, &id, "r", 1.0).await;
        refund(&shop, &id, "r", 1.0).await;
        let page = deliveries(&shop, "?size=2").await;
        assert_eq!(
            (&page["totalElements"], &page["totalPages"]),
            (&json!(3), &json!(2))
        );
        let of_one = &page["content"][0];
        let expected = json!({"id": 3, "webhookId": 2, "url": "http://b/",
            "eventId": of_one["eventId"], "event": "payment-refunded", "paymentId": id,
            "status": "PENDING", "attempts": 0, "statusCode": null, "error": null,
            "nextAttemptAt": "2026-01-01T00:00:00.000", "createdAt": "2026-01-01T00:00:00.000",
            "updatedAt": "2026-01-01T00:00:00.000"});
        assert_eq!(*of_one, expected);
        assert_eq!(of_one["eventId"], page["content"][1]["eventId"]);
        assert_eq!(
            deliveries(&shop, "?status=PENDING").await["totalElements"],
            3
        );
        assert_eq!(
            deliveries(&shop, "?status=FAILED").await["totalElements"],
            0
        );
        let admin = shop.admin_token();
        shop.delete(&format!("{WEBHOOKS}/2"), &admin).await;
        let failed = deliveries(&shop, "?status=FAILED").await;
        assert_eq!(
            failed["content"][0]["error"],
            "the subscription was deleted"
        );
        let again = format!("{WEBHOOKS}/deliveries/3/redeliver");
        assert_eq!(shop.post(&again, &admin, json!({})).await.status, 409);
    })
    .await;
}

#[tokio::test]
async fn administrators_alone_see_and_change_subscriptions() {
    let shop = on_memory(ServiceName::Payment).await;
    let again = format!("{WEBHOOKS}/deliveries/1/redeliver");
    let one = format!("{WEBHOOKS}/1");
    let all = format!("{WEBHOOKS}/deliveries");
    let body = json!({"url": "http://a/", "secret": SECRET, "events": ["payment-failed"]});
    let asked = [
        ("POST", WEBHOOKS),
        ("GET", WEBHOOKS),
        ("DELETE", &*one),
        ("GET", &*all),
    ];
    for (method, path) in asked.into_iter().chain([("POST", &*again)]) {
        let body = (method == "POST").then(|| body.clone());
        for (token, status) in [
            (String::new(), 401),
            (shop.user_token(7), 403),
            (shop.service_token(), 403),
        ] {
            let method = method.parse().unwrap();
            let answer = shop.send(method, path, &token, body.clone()).await;
            assert_eq!(answer.status, status, "{path}");
        }
    }
    let missing = shop.post(&again, &shop.admin_token(), json!({})).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn what_is_no_subscription_or_too_many_is_refused() {
    let shop = on_memory(ServiceName::Payment).await;
    let events = json!(["payment-failed"]);
    let tls = subscribe(&shop, "https://a/", events.clone()).await;
    assert_eq!(tls.status, 400);
    let message = tls.body["message"].as_str().unwrap();
    assert!(message.contains("https is refused"), "{message}");
    for (url, events) in [
        ("ftp://a/", events.clone()),
        ("http://a/", json!([])),
        ("http://a/", json!(["order-events"])),
    ] {
        assert_eq!(subscribe(&shop, url, events).await.status, 400, "{url}");
    }
    for bad in ["status=SENT", "page=-1", "size=101"] {
        let path = format!("{WEBHOOKS}/deliveries?{bad}");
        assert_eq!(
            shop.get(&path, &shop.admin_token()).await.status,
            400,
            "{bad}"
        );
    }
    for _ in 0..50 {
        assert_eq!(
            subscribe(&shop, "http://a/", events.clone()).await.status,
            201
        );
    }
    assert_eq!(subscribe(&shop, "http://a/", events).await.status, 409);
}
