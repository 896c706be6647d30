//! Webhooks, and the channels without a provider.

use http::Method;

use super::*;
use crate::settings::Secret;
use crate::testing::{FakeGateway, Script, on_each_store_with};

/// Runs the body on each store at noon, with a receiver of webhooks.
async fn with_hook(body: impl AsyncFn(&FakeGateway, Shop)) {
    let hook = FakeGateway::start().await;
    let url = format!("{}/shop", hook.url());
    let signed = |settings: &mut crate::Settings| {
        settings.webhook_url = Some(url.clone());
        settings.webhook_secret = Some(Secret::new("hook secret"));
    };
    on_each_store_with(ServiceName::Notification, signed, async |shop| {
        hook.forget();
        hook.on(Method::POST, "/", |_| Script::Json(200, json!({})));
        shop.clock().advance_ms(12 * HOUR_MS);
        body(&hook, shop).await;
    })
    .await;
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_body_and_goes_to_the_nearest_address() {
    with_hook(async |hook, shop| {
        let token = shop.user_token(7);
        let first = made(&shop, 7, wish(&["WEBHOOK"], json!({}))).await;
        assert!(shop.run_tasks().await);
        let path = "/api/preferences/type/SYSTEM_ALERT/channel/WEBHOOK";
        let preferred = json!({"webhookUrl": format!("{}/preferred", hook.url())});
        assert_eq!(shop.put(path, &token, preferred).await.status, 200);
        made(&shop, 7, wish(&["WEBHOOK"], json!({}))).await;
        assert!(shop.run_tasks().await);
        let own = json!({"metadata": {"webhookUrl": format!("{}/own", hook.url())}});
        made(&shop, 7, wish(&["WEBHOOK"], own)).await;
        assert!(shop.run_tasks().await);
        let seen = hook.seen();
        let paths: Vec<_> = seen.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/shop", "/preferred", "/own"]);
        let body = &seen[0].body;
        assert_eq!(
            (&body["title"], &body["userId"]),
            (&json!("Hello"), &json!(7))
        );
        assert_eq!(body["notificationId"], first);
        let signature = seen[0].headers["x-webhook-signature"].to_str().unwrap();
        let expected =
            crate::signature::of(&Secret::new("hook secret"), body.to_string().as_bytes());
        assert_eq!(signature, expected.unwrap());
        assert_eq!(status(&shop, first).await, "DELIVERED");
    })
    .await;
}

#[tokio::test]
async fn a_webhook_is_repeated_with_the_same_id_until_it_is_taken_or_refused() {
    with_hook(async |hook, shop| {
        for broken in [Script::Json(503, json!({})), Script::Break] {
            hook.forget();
            hook.on(Method::POST, "/", move |_| broken.clone());
            let id = made(&shop, 7, wish(&["WEBHOOK"], json!({}))).await;
            assert!(shop.run_tasks().await);
            assert_eq!(delivery(&shop, id).await.0, "PENDING");
            hook.on(Method::POST, "/", |_| Script::Json(204, json!(null)));
            shop.clock().advance_ms(60_000);
            assert!(shop.run_tasks().await);
            assert_eq!(delivery(&shop, id).await.0, "DELIVERED");
            let seen = hook.seen();
            let ids: Vec<_> = seen
                .iter()
                .map(|one| &one.headers["x-webhook-id"])
                .collect();
            assert_eq!(ids.len(), 2);
            assert_eq!(ids[0], ids[1]);
        }
        hook.on(Method::POST, "/", |_| Script::Json(404, json!({})));
        let id = made(&shop, 7, wish(&["WEBHOOK"], json!({}))).await;
        assert!(shop.run_tasks().await);
        let expected = ("BOUNCED".into(), "the receiver answered 404".into());
        assert_eq!(delivery(&shop, id).await, expected);
    })
    .await;
}

#[tokio::test]
async fn without_a_secret_or_an_address_no_webhook_is_sent() {
    at_noon(async |shop| {
        let id = made(&shop, 7, wish(&["WEBHOOK"], json!({}))).await;
        let own = json!({"metadata": {"webhookUrl": "http://127.0.0.1:9/"}});
        let other = made(&shop, 7, wish(&["WEBHOOK"], own)).await;
        assert!(shop.run_tasks().await);
        let expected = ("REJECTED".into(), "no address for webhooks is known".into());
        assert_eq!(delivery(&shop, id).await, expected);
        let expected = ("REJECTED".into(), "no secret signs webhooks".into());
        assert_eq!(delivery(&shop, other).await, expected);
        assert_eq!(status(&shop, id).await, "FAILED");
    })
    .await;
}

#[tokio::test]
async fn sms_is_cut_and_needs_a_number_and_in_app_stays_readable() {
    at_noon(async |shop| {
        let long = "x".repeat(200);
        let fields = json!({"message": long, "userPhone": "+49 1", "type": "WELCOME"});
        let id = made(&shop, 7, wish(&["SMS", "PUSH", "IN_APP"], fields)).await;
        assert!(shop.run_tasks().await);
        let all = deliveries(&shop, id).await;
        let sms = all[0]["body"].as_str().unwrap();
        assert_eq!((sms.len(), &sms[156..]), (160, "x..."));
        assert_eq!(
            (&all[0]["status"], &all[0]["recipient"]),
            (&json!("SENT"), &json!("+49 1"))
        );
        assert_eq!(all[1]["status"], "SENT");
        assert_eq!(
            (&all[2]["status"], &all[2]["body"]),
            (&json!("DELIVERED"), &json!(long))
        );
        let id = made(&shop, 7, wish(&["SMS"], json!({}))).await;
        assert!(shop.run_tasks().await);
        let expected = (
            "REJECTED".into(),
            "no phone number of the user is known".into(),
        );
        assert_eq!(delivery(&shop, id).await, expected);
    })
    .await;
}
