//! Preferences over their endpoints, and that they are kept to.

use http::Method;

use super::*;

const PREFERENCES: &str = "/api/preferences";

async fn prefer(shop: &Shop, what: &str, change: Value) -> Answer {
    let (kind, channel) = what.split_once('/').unwrap();
    let path = format!("{PREFERENCES}/type/{kind}/channel/{channel}");
    shop.put(&path, &shop.user_token(7), change).await
}

async fn check(shop: &Shop, what: &str) -> Value {
    let path = format!("{PREFERENCES}/check/{what}");
    let answer = shop.get(&path, &shop.user_token(7)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

async fn count(shop: &Shop, path: &str) -> usize {
    let path = format!("{PREFERENCES}{path}");
    let answer = shop.get(&path, &shop.user_token(7)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body.as_array().unwrap().len()
}

async fn ask(shop: &Shop, method: Method, path: &str) -> Answer {
    let path = format!("{PREFERENCES}{path}");
    shop.send(method, &path, &shop.user_token(7), None).await
}

#[tokio::test]
async fn preferences_begin_as_by_default_and_are_changed_field_by_field() {
    at_noon(async |shop| {
        assert_eq!(count(&shop, "").await, 0);
        let one = "/type/PROMOTIONAL/channel/SMS";
        assert_eq!(ask(&shop, Method::GET, one).await.status, 404);
        let changed = prefer(&shop, "PROMOTIONAL/SMS", json!({"maxPerHour": 1})).await;
        assert_eq!(changed.status, 200, "{:?}", changed.body);
        let expected = json!({"userId": 7, "type": "PROMOTIONAL", "channel": "SMS",
            "enabled": false, "quietHoursEnabled": true, "quietHoursStart": "22:00",
            "quietHoursEnd": "08:00", "maxPerHour": 1, "maxPerDay": 5, "webhookUrl": null,
            "createdAt": "2026-01-01T12:00:00.000", "updatedAt": "2026-01-01T12:00:00.000"});
        assert_eq!(changed.body, expected);
        let change = json!({"enabled": true, "quietHoursStart": "23:30"});
        let changed = prefer(&shop, "PROMOTIONAL/SMS", change).await.body;
        let fields = [
            &changed["enabled"],
            &changed["quietHoursStart"],
            &changed["maxPerHour"],
        ];
        assert_eq!(fields, [&json!(true), &json!("23:30"), &json!(1)]);
        assert_eq!(ask(&shop, Method::GET, one).await.body, changed);
        let others = shop.get(PREFERENCES, &shop.user_token(8)).await.body;
        assert_eq!(others, json!([]));
        assert_eq!(ask(&shop, Method::DELETE, one).await.status, 204);
        assert_eq!(ask(&shop, Method::DELETE, one).await.status, 404);
        for change in [
            json!({"quietHoursStart": "24:00"}),
            json!({"maxPerHour": -1}),
            json!({"maxPerDay": 10_001}),
            json!({"webhookUrl": "ftp://a"}),
            json!({"enabled": "yes"}),
        ] {
            let answer = prefer(&shop, "PROMOTIONAL/SMS", change.clone()).await;
            assert_eq!(answer.status, 400, "{change}");
        }
        assert_eq!(prefer(&shop, "GOSSIP/SMS", json!({})).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn initializing_writes_all_down_and_keeps_what_is_there() {
    at_noon(async |shop| {
        prefer(&shop, "WELCOME/EMAIL", json!({"maxPerDay": 3})).await;
        for _ in 0..2 {
            let answer = ask(&shop, Method::POST, "/initialize").await;
            assert_eq!(
                (answer.status, answer.body.as_array().unwrap().len()),
                (200, 60)
            );
        }
        assert_eq!(count(&shop, "").await, 60);
        assert_eq!(count(&shop, "/type/WELCOME").await, 5);
        assert_eq!(count(&shop, "/channel/SMS").await, 12);
        let path = "/type/WELCOME/channel/EMAIL";
        assert_eq!(ask(&shop, Method::GET, path).await.body["maxPerDay"], 3);
        let path = "/type/ORDER_SHIPPED/channel/EMAIL";
        let body = ask(&shop, Method::GET, path).await.body;
        assert_eq!(
            (&body["maxPerHour"], &body["maxPerDay"]),
            (&json!(10), &json!(50))
        );
        assert_eq!(ask(&shop, Method::DELETE, "").await.status, 204);
        assert_eq!(count(&shop, "").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_bulk_update_changes_all_or_nothing() {
    at_noon(async |shop| {
        let path = format!("{PREFERENCES}/bulk-update");
        let token = shop.user_token(7);
        let good = json!({"type": "PROMOTIONAL", "channel": "SMS", "enabled": true});
        let other = json!({"type": "WELCOME", "channel": "EMAIL", "enabled": false});
        let bad = json!({"type": "WELCOME", "channel": "PUSH", "maxPerHour": 5000});
        let body = json!({"preferences": [other, good]});
        let answer = shop.post(&path, &token, body).await;
        assert_eq!(
            (answer.status, answer.body.as_array().unwrap().len()),
            (200, 2)
        );
        assert_eq!(check(&shop, "PROMOTIONAL/SMS").await, true);
        assert_eq!(check(&shop, "WELCOME/EMAIL").await, false);
        let body = json!({"preferences": [{"type": "WELCOME", "channel": "EMAIL",
                                           "enabled": true}, bad]});
        let answer = shop.post(&path, &token, body).await;
        assert_eq!(answer.status, 400);
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains("preferences[1].maxPerHour"), "{message}");
        assert_eq!(check(&shop, "WELCOME/EMAIL").await, false);
        for body in [
            json!({}),
            json!({"preferences": []}),
            json!({"preferences": vec![good; 61]}),
        ] {
            assert_eq!(shop.post(&path, &token, body).await.status, 400);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_switched_off_is_rejected_on_that_channel_alone() {
    at_noon(async |shop| {
        prefer(&shop, "SYSTEM_ALERT/PUSH", json!({"enabled": false})).await;
        let id = made(&shop, 7, wish(&["PUSH", "IN_APP"], json!({}))).await;
        let promotion = json!({"type": "PROMOTIONAL", "userPhone": "1"});
        let promotion = made(&shop, 7, wish(&["SMS"], promotion)).await;
        assert!(shop.run_tasks().await);
        let all = deliveries(&shop, id).await;
        assert_eq!(
            (&all[0]["status"], &all[1]["status"]),
            (&json!("REJECTED"), &json!("DELIVERED"))
        );
        assert_eq!(
            all[0]["lastError"],
            "switched off by the user's preferences"
        );
        assert_eq!(status(&shop, id).await, "DELIVERED");
        assert_eq!(delivery(&shop, promotion).await.0, "REJECTED");
        assert_eq!(status(&shop, promotion).await, "FAILED");
        assert_eq!(check(&shop, "SYSTEM_ALERT/PUSH").await, false);
        assert_eq!(check(&shop, "SYSTEM_ALERT/IN_APP").await, true);
    })
    .await;
}

#[tokio::test]
async fn what_comes_at_night_is_held_until_the_morning_unless_it_is_urgent() {
    on_each_store(ServiceName::Notification, async |shop| {
        // Midnight.
        let held = made(&shop, 7, wish(&["PUSH"], json!({"maxRetries": 0}))).await;
        let urgent = made(&shop, 7, wish(&["PUSH"], json!({"priority": "URGENT"}))).await;
        assert_eq!(check(&shop, "SYSTEM_ALERT/PUSH").await, false);
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, urgent).await, "SENT");
        shop.clock().advance_ms(8 * HOUR_MS - 1);
        assert!(shop.run_tasks().await);
        let one = deliveries(&shop, held).await.remove(0);
        assert_eq!(
            (&one["status"], &one["attempts"]),
            (&json!("PENDING"), &json!(0))
        );
        assert_eq!(one["lastError"], "held until the quiet hours end");
        assert_eq!(one["nextTryAt"], "2026-01-01T08:00:00.000");
        shop.clock().advance_ms(1);
        assert!(shop.run_tasks().await);
        assert_eq!(delivery(&shop, held).await, ("SENT".into(), String::new()));
        assert_eq!(check(&shop, "SYSTEM_ALERT/PUSH").await, true);
    })
    .await;
}

#[tokio::test]
async fn quiet_hours_are_the_users_own() {
    at_noon(async |shop| {
        let siesta = json!({"quietHoursStart": "11:00", "quietHoursEnd": "13:00"});
        prefer(&shop, "SYSTEM_ALERT/PUSH", siesta).await;
        let id = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        let other = made(&shop, 8, wish(&["PUSH"], json!({}))).await;
        assert!(shop.run_tasks().await);
        assert_eq!(delivery(&shop, id).await.0, "PENDING");
        assert_eq!(delivery(&shop, other).await.0, "SENT");
        prefer(
            &shop,
            "SYSTEM_ALERT/PUSH",
            json!({"quietHoursEnabled": false}),
        )
        .await;
        let now = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        assert!(shop.run_tasks().await);
        assert_eq!(delivery(&shop, now).await.0, "SENT");
        shop.clock().advance_ms(HOUR_MS);
        assert!(shop.run_tasks().await);
        assert_eq!(delivery(&shop, id).await.0, "SENT");
    })
    .await;
}

#[tokio::test]
async fn limits_of_hour_and_day_are_kept_for_each_type_and_channel() {
    at_noon(async |shop| {
        let promote = async |channel: &str| {
            let fields = json!({"type": "PROMOTIONAL", "priority": "URGENT"});
            let id = made(&shop, 7, wish(&[channel], fields)).await;
            assert!(shop.run_tasks().await);
            delivery(&shop, id).await
        };
        let refused = |limit: &str| {
            (
                "REJECTED".to_owned(),
                format!("limit of {limit} is reached"),
            )
        };
        for _ in 0..2 {
            for _ in 0..2 {
                assert_eq!(promote("PUSH").await.0, "SENT");
            }
            assert_eq!(promote("PUSH").await, refused("2 an hour"));
            assert_eq!(check(&shop, "PROMOTIONAL/PUSH").await, false);
            assert_eq!(check(&shop, "PROMOTIONAL/EMAIL").await, true);
            shop.clock().advance_ms(HOUR_MS);
            assert_eq!(check(&shop, "PROMOTIONAL/PUSH").await, true);
        }
        assert_eq!(promote("PUSH").await.0, "SENT");
        assert_eq!(promote("PUSH").await, refused("5 a day"));
        assert_eq!(promote("EMAIL").await.0, "SENT");
        prefer(&shop, "PROMOTIONAL/PUSH", json!({"maxPerDay": 6})).await;
        assert_eq!(promote("PUSH").await.0, "SENT");
        prefer(&shop, "PROMOTIONAL/PUSH", json!({"maxPerHour": 0})).await;
        assert_eq!(promote("PUSH").await, refused("0 an hour"));
    })
    .await;
}
