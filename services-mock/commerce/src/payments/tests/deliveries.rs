//! What webhooks get, and when they get it again.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::receiver::{Got, Receiver, Reply};
use super::{paid, refund};
use crate::payments::rules::DeliveryStatus;
use crate::payments::store::attempts::{self, Conclusion};
use crate::payments::webhooks::{Pace, run_once};
use crate::settings::{Secret, ServiceName, Settings};
use crate::testing::{Shop, on_each_store, on_each_store_with};

const WEBHOOKS: &str = "/api/payments/webhooks";
const SECRET: &str = "a secret of the receiver";

const PACE: Pace = Pace::USUAL;

/// Sends until nothing is due.
async fn send(shop: &Shop) {
    send_at(shop, &PACE).await;
}

async fn send_at(shop: &Shop, pace: &Pace) {
    while run_once(shop.state(), pace).await.unwrap() {}
}

async fn subscribe(shop: &Shop, receiver: &Receiver) {
    let body = json!({"url": receiver.url(), "secret": SECRET,
        "events": ["payment-processed", "payment-failed", "payment-refunded"]});
    let answer = shop.post(WEBHOOKS, &shop.admin_token(), body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
}

/// The latest first.
async fn deliveries(shop: &Shop) -> Vec<Value> {
    let path = format!("{WEBHOOKS}/deliveries?size=100");
    let page = shop.get(&path, &shop.admin_token()).await.body;
    page["content"].as_array().unwrap().clone()
}

/// Status, attempts and code of the only delivery.
async fn only(shop: &Shop) -> (String, i64, Value) {
    let all = deliveries(shop).await;
    assert_eq!(all.len(), 1, "{all:?}");
    let status = all[0]["status"].as_str().unwrap().to_owned();
    let attempts = all[0]["attempts"].as_i64().unwrap();
    (status, attempts, all[0]["statusCode"].clone())
}

/// HMAC-SHA256 from its definition in RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner: Vec<u8> = block.iter().map(|byte| byte ^ 0x36).collect();
    let outer: Vec<u8> = block.iter().map(|byte| byte ^ 0x5c).collect();
    let inner = Sha256::digest([&inner, message].concat());
    format!("{:x}", Sha256::digest([&outer, &inner[..]].concat()))
}

fn assert_signed(got: &Got, key: &str) {
    let expected = format!("sha256={}", hmac(key.as_bytes(), &got.body));
    assert_eq!(got.header("x-webhook-signature"), expected);
}

#[tokio::test]
async fn a_delivery_carries_the_event_signed_and_traced() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        subscribe(&shop, &receiver).await;
        let id = paid(&shop, 5).await;
        shop.clock().advance_ms(40);
        send(&shop).await;
        let got = &receiver.got()[0];
        assert_eq!((&got.method, &*got.path), (&Method::POST, "/hook?a=b"));
        assert_signed(got, SECRET);
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(got.header("x-webhook-id"), "1");
        assert_eq!(
            got.header("x-webhook-timestamp"),
            shop.state().now_ms().to_string()
        );
        let event = &shop.events().await[0];
        let trace = &event.trace_id;
        assert_eq!(got.header("x-trace-id"), trace);
        assert!(got.header("traceparent").contains(trace));
        let body = got.json();
        let told = &deliveries(&shop).await[0];
        let expected = json!({"id": told["eventId"], "topic": "payment-processed",
            "type": "PAYMENT_PROCESSED", "subject": id, "traceId": trace,
            "occurredMs": event.occurred_ms, "payload": event.payload});
        assert_eq!(body, expected);
        assert_eq!(only(&shop).await, ("DELIVERED".into(), 1, json!(200)));
        assert_eq!(told["nextAttemptAt"], Value::Null);
        send(&shop).await;
        assert_eq!(receiver.got().len(), 1, "sent once");
    })
    .await;
}

#[tokio::test]
async fn the_webhook_of_the_settings_gets_everything() {
    let receiver = Receiver::start().await;
    let url = receiver.url();
    let with_hook = |settings: &mut Settings| {
        settings.webhook_url = Some(url.clone());
        settings.webhook_secret = Some(Secret::new("of the settings"));
    };
    on_each_store_with(ServiceName::Payment, with_hook, async |shop| {
        receiver.forget();
        let id = paid(&shop, 5).await;
        refund(&shop, &id, "r", 15.0).await;
        send(&shop).await;
        let mut topics: Vec<Value> = Vec::new();
        for got in receiver.got() {
            assert_signed(&got, "of the settings");
            topics.push(got.json()["topic"].clone());
        }
        topics.sort_by_key(Value::to_string);
        assert_eq!(
            json!(topics),
            json!(["payment-processed", "payment-refunded"])
        );
        assert_eq!(deliveries(&shop).await[0]["webhookId"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_refused_delivery_comes_again_after_waits_that_double_and_is_given_up_after_eight() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        receiver.reply(&vec![Reply::Status(500); 8]);
        subscribe(&shop, &receiver).await;
        paid(&shop, 5).await;
        for attempt in 1..=8_i64 {
            send(&shop).await;
            let status = if attempt < 8 { "PENDING" } else { "FAILED" };
            let now = only(&shop).await;
            assert_eq!(now, (status.into(), attempt, json!(500)));
            let least_ms = 1000 << (attempt - 1);
            shop.clock().advance_ms(least_ms - 1);
            send(&shop).await;
            assert_eq!(only(&shop).await.1, attempt, "not before {least_ms} ms");
            // Jitter adds up to half.
            shop.clock().advance_ms(1 + least_ms / 2);
        }
        send(&shop).await;
        assert_eq!(receiver.got().len(), 8);
        let got = receiver.got();
        assert!(got.iter().all(|got| got.header("x-webhook-id") == "1"));
        assert!(got.iter().all(|one| one.body == got[0].body));
        let again = format!("{WEBHOOKS}/deliveries/1/redeliver");
        let renewed = shop.post(&again, &shop.admin_token(), json!({})).await;
        assert_eq!(
            (renewed.status, &renewed.body["attempts"]),
            (200, &json!(0))
        );
        send(&shop).await;
        assert_eq!(only(&shop).await, ("DELIVERED".into(), 1, json!(200)));
    })
    .await;
}

#[tokio::test]
async fn redirects_silence_and_endless_answers_are_no_delivery() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        receiver.reply(&[
            Reply::Elsewhere,
            Reply::Hang,
            Reply::TooLong,
            Reply::Status(204),
        ]);
        subscribe(&shop, &receiver).await;
        paid(&shop, 5).await;
        // The clock of a test does not shorten the wait for an answer that never comes.
        let hasty = Pace {
            timeout: Duration::from_millis(100),
            ..PACE
        };
        for (code, pace) in [
            (json!(302), &PACE),
            (Value::Null, &hasty),
            (Value::Null, &PACE),
        ] {
            send_at(&shop, pace).await;
            let (status, _, got) = only(&shop).await;
            assert_eq!((&*status, got), ("PENDING", code));
            let error = deliveries(&shop).await[0]["error"].clone();
            assert!(error.as_str().is_some_and(|error| !error.is_empty()));
            shop.clock().advance_ms(20_000);
        }
        send(&shop).await;
        assert_eq!(only(&shop).await, ("DELIVERED".into(), 4, json!(204)));
        assert!(deliveries(&shop).await[0]["error"].is_null());
        let paths: Vec<_> = receiver.got().into_iter().map(|got| got.path).collect();
        assert_eq!(paths, ["/hook?a=b"; 4], "no redirect is followed");
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_tried_again() {
    on_each_store(ServiceName::Payment, async |shop| {
        let gone = Receiver::start().await;
        subscribe(&shop, &gone).await;
        drop(gone);
        paid(&shop, 5).await;
        send(&shop).await;
        assert_eq!(only(&shop).await, ("PENDING".into(), 1, Value::Null));
    })
    .await;
}

#[tokio::test]
async fn another_instance_sends_what_one_left_when_it_ended() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        subscribe(&shop, &receiver).await;
        paid(&shop, 5).await;
        let other = shop.another().await;
        send(&other).await;
        assert_eq!(receiver.got().len(), 1);
        assert_signed(&receiver.got()[0], SECRET);
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_dies_keeps_its_delivery_until_the_lease_is_over() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        subscribe(&shop, &receiver).await;
        paid(&shop, 5).await;
        let (state, other) = (shop.state(), shop.another().await);
        let claim = async || attempts::claim(state, 1, PACE.lease_ms, 8).await.unwrap();
        let dead = claim().await.unwrap();
        assert!(claim().await.is_none());
        let again = format!("{WEBHOOKS}/deliveries/1/redeliver");
        let busy = shop.post(&again, &shop.admin_token(), json!({})).await;
        assert_eq!(busy.status, 409);
        shop.clock().advance_ms(PACE.lease_ms - 1);
        send(&other).await;
        assert_eq!(receiver.got().len(), 0);
        shop.clock().advance_ms(1);
        send(&other).await;
        assert_eq!(only(&shop).await, ("DELIVERED".into(), 2, json!(200)));
        let late = Conclusion {
            status: DeliveryStatus::Failed,
            status_code: None,
            error: None,
            next_try_ms: 0,
        };
        attempts::conclude(state, &dead, late).await.unwrap();
        assert_eq!(
            only(&shop).await.0,
            "DELIVERED",
            "who comes late says nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_dies_in_the_last_attempt_leaves_no_delivery_open() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        subscribe(&shop, &receiver).await;
        paid(&shop, 5).await;
        for _ in 0..8 {
            let claim = attempts::claim(shop.state(), 1, PACE.lease_ms, 8).await;
            assert!(claim.unwrap().is_some());
            shop.clock().advance_ms(PACE.lease_ms);
        }
        send(&shop).await;
        assert_eq!(only(&shop).await, ("FAILED".into(), 8, Value::Null));
        assert_eq!(receiver.got().len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_at_once_send_each_delivery_once() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        subscribe(&shop, &receiver).await;
        for order in 0..30 {
            paid(&shop, order).await;
        }
        let other = shop.another().await;
        tokio::join!(send(&shop), send(&other), send(&shop), send(&other));
        send(&shop).await;
        let got = receiver.got();
        let mut ids: Vec<i64> = got
            .iter()
            .map(|got| got.header("x-webhook-id").parse().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=30).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_hangs_does_not_keep_others_waiting() {
    on_each_store(ServiceName::Payment, async |shop| {
        let (hanging, quick) = (Receiver::start().await, Receiver::start().await);
        hanging.reply(&vec![Reply::Hang; 100]);
        subscribe(&shop, &hanging).await;
        for order in 0..20 {
            paid(&shop, order).await;
        }
        subscribe(&shop, &quick).await;
        paid(&shop, 20).await;
        let state = shop.state().clone();
        let patient = Pace {
            timeout: Duration::from_secs(60),
            ..PACE
        };
        let stuck = tokio::spawn(async move { run_once(&state, &patient).await });
        while hanging.got().len() < 8 {
            tokio::task::yield_now().await;
        }
        send(&shop).await;
        assert_eq!(quick.got().len(), 1);
        assert_eq!(hanging.got().len(), 8, "no more at once");
        stuck.abort();
    })
    .await;
}

#[tokio::test]
async fn what_ended_long_ago_is_deleted() {
    on_each_store(ServiceName::Payment, async |shop| {
        let receiver = Receiver::start().await;
        subscribe(&shop, &receiver).await;
        paid(&shop, 5).await;
        assert!(shop.run_tasks().await);
        shop.clock().advance_ms(30 * 86_400_000);
        assert!(shop.run_tasks().await);
        assert_eq!(deliveries(&shop).await.len(), 1);
        shop.clock().advance_ms(1);
        assert!(shop.run_tasks().await);
        assert_eq!(deliveries(&shop).await.len(), 0);
    })
    .await;
}
