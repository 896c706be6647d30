//! Making notifications and looking at them; who may.

use http::Method;

use super::*;
use crate::testing::on_memory;

#[tokio::test]
async fn who_makes_a_notification_gets_it_whatever_user_the_request_names() {
    at_noon(async |shop| {
        let body = wish(
            &["IN_APP", "EMAIL", "IN_APP"],
            json!({"userId": 99, "userEmail": "victim@example.com", "priority": "HIGH",
                   "metadata": {"a": [1]}, "maxRetries": 1, "expiresAt": "2026-01-02T00:00:00"}),
        );
        let answer = post(&shop, &shop.user_token(7), body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        let body = &answer.body;
        assert_eq!(
            (&body["userId"], &body["userEmail"]),
            (&json!(7), &json!("user7@example.com"))
        );
        assert_eq!(body["channels"], json!(["EMAIL", "IN_APP"]));
        assert_eq!(
            (&body["status"], &body["priority"]),
            (&json!("PENDING"), &json!("HIGH"))
        );
        assert_eq!(body["metadata"], json!({"a": [1]}));
        assert_eq!(body["expiresAt"], "2026-01-02T00:00:00.000");
        assert_eq!(body["createdAt"], "2026-01-01T12:00:00.000");
        assert_eq!(notification(&shop, 1).await, *body);
        let other = wish(
            &["PUSH"],
            json!({"userId": "8", "userEmail": "b@example.com"}),
        );
        for token in [shop.admin_token(), shop.service_token()] {
            let answer = post(&shop, &token, other.clone()).await;
            assert_eq!(answer.body["userId"], 8);
            assert_eq!(answer.body["userEmail"], "b@example.com");
        }
        let own = post(&shop, &shop.admin_token(), wish(&["PUSH"], json!({})))
            .await
            .body;
        assert_eq!(
            (&own["userId"], &own["userEmail"]),
            (&json!(1), &json!("user1@example.com"))
        );
        let system = post(&shop, &shop.service_token(), wish(&["PUSH"], json!({})))
            .await
            .body;
        assert_eq!(
            (&system["userId"], &system["userEmail"]),
            (&json!(0), &json!(null))
        );
        let events = shop.events().await;
        assert_eq!(
            (&*events[0].topic, &*events[0].kind),
            ("notification-events", "NOTIFICATION_CREATED")
        );
        assert_eq!(events[0].payload["notificationId"], 1);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_400_with_the_common_body() {
    at_noon(async |shop| {
        let token = shop.user_token(7);
        for body in [
            json!({}),
            json!([]),
            wish(&["PIGEON"], json!({})),
            wish(&[], json!({})),
            wish(&["SMS"], json!({"type": "GOSSIP"})),
            wish(&["SMS"], json!({"title": "x\u{0}"})),
            wish(&["SMS"], json!({"templateId": "none-such"})),
        ] {
            let answer = post(&shop, &token, body.clone()).await;
            assert_eq!(answer.status, 400, "{body}: {:?}", answer.body);
            assert_eq!(answer.body["path"], PATH);
        }
        for path in ["", "/status/SENT", "/scheduled"] {
            for bad in ["page=-1", "size=0", "size=101", "page=x"] {
                let path = format!("{PATH}{path}?{bad}");
                assert_eq!(shop.get(&path, &token).await.status, 400, "{path}");
            }
        }
        for path in ["/status/LOST", "/x", "/stats?userId=x"] {
            let path = format!("{PATH}{path}");
            assert_eq!(shop.get(&path, &token).await.status, 400, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn notifications_are_their_users_and_of_those_who_run_the_shop() {
    at_noon(async |shop| {
        let id = made(&shop, 7, wish(&["IN_APP"], json!({}))).await;
        let (own, stranger) = (shop.user_token(7), shop.user_token(8));
        for path in [format!("{PATH}/{id}"), format!("{PATH}/{id}/deliveries")] {
            assert_eq!(shop.get(&path, &stranger).await.status, 403, "{path}");
            for token in [&own, &shop.admin_token(), &shop.service_token()] {
                assert_eq!(shop.get(&path, token).await.status, 200, "{path}");
            }
        }
        let path = format!("{PATH}/{id}/status");
        let put = json!({"status": "CANCELLED"});
        assert_eq!(shop.put(&path, &stranger, put.clone()).await.status, 403);
        assert_eq!(
            shop.put("/api/notifications/9/status", &own, put)
                .await
                .status,
            404
        );
        let path = format!("{PATH}/{id}");
        assert_eq!(shop.delete(&path, &stranger).await.status, 403);
        for path in ["/9", "/9/deliveries"] {
            let path = format!("{PATH}{path}");
            assert_eq!(shop.get(&path, &own).await.status, 404, "{path}");
        }
        assert_eq!(shop.delete("/api/notifications/9", &own).await.status, 404);
        for path in ["", "/status/PENDING", "/scheduled", "/stats", "/summary"] {
            let path = format!("{PATH}{path}?userId=7");
            assert_eq!(shop.get(&path, &stranger).await.status, 403, "{path}");
            assert_eq!(
                shop.get(&path, &shop.admin_token()).await.status,
                200,
                "{path}"
            );
        }
        let mine = shop.get(PATH, &stranger).await.body;
        assert_eq!(mine["totalElements"], 0);
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages_and_figures_add_up() {
    at_noon(async |shop| {
        let token = shop.user_token(7);
        for _ in 0..3 {
            made(&shop, 7, wish(&["IN_APP"], json!({}))).await;
        }
        made(&shop, 8, wish(&["IN_APP"], json!({}))).await;
        assert!(shop.run_tasks().await);
        let later = json!({"scheduledAt": "2026-01-01T13:00:00", "type": "WELCOME"});
        let scheduled = made(&shop, 7, wish(&["IN_APP"], later)).await;
        let ids = async |path: &str| -> Vec<i64> {
            let answer = shop.get(&format!("{PATH}{path}"), &token).await;
            assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
            let content = answer.body["content"].as_array().unwrap().clone();
            content
                .iter()
                .map(|one| one["id"].as_i64().unwrap())
                .collect()
        };
        assert_eq!(ids("").await, [scheduled, 3, 2, 1]);
        assert_eq!(ids("?page=1&size=3").await, [1]);
        assert_eq!(ids("/status/DELIVERED").await, [3, 2, 1]);
        assert_eq!(ids("/status/FAILED").await, [0; 0]);
        assert_eq!(ids("/scheduled").await, [scheduled]);
        let page = shop.get(&format!("{PATH}?size=3"), &token).await.body;
        let figures = [&page["totalElements"], &page["totalPages"], &page["last"]];
        assert_eq!(figures, [&json!(4), &json!(2), &json!(false)]);
        let stats = shop.get(&format!("{PATH}/stats"), &token).await.body;
        let expected = json!({"total": 4, "byStatus": {"DELIVERED": 3, "PENDING": 1},
                              "byType": {"SYSTEM_ALERT": 3, "WELCOME": 1}});
        assert_eq!(stats, expected);
        shop.clock().advance_ms(24 * HOUR_MS);
        let token = shop.user_token(7);
        let summary = shop.get(&format!("{PATH}/summary"), &token).await.body;
        let expected = json!({"total": 4, "open": 1, "sent": 3, "failed": 0, "dropped": 0,
                              "lastDay": 0});
        assert_eq!(summary, expected);
    })
    .await;
}

#[tokio::test]
async fn every_route_but_health_asks_for_a_token_and_says_what_it_answers() {
    let shop = on_memory(ServiceName::Notification).await;
    let document = shop.get("/openapi.json", "").await.body;
    let mut routes = 0;
    for (template, methods) in document["paths"].as_object().unwrap() {
        let path = ["{id}", "{status}", "{name}", "{type}", "{channel}"]
            .iter()
            .zip(["1", "SENT", "welcome", "WELCOME", "EMAIL"])
            .fold(template.clone(), |path, (from, to)| path.replace(from, to));
        for (method, operation) in methods.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = shop.send(method.clone(), &path, "", None).await;
            let expected = if path == "/health" { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{method} {path}");
            let answer = shop
                .send(method.clone(), &path, &shop.user_token(7), None)
                .await;
            let documented = &operation["responses"][answer.status.to_string()];
            assert!(documented.is_object(), "{method} {path}: {}", answer.status);
            routes += 1;
        }
    }
    assert_eq!(routes, 32);
}

#[tokio::test]
async fn health_is_open_to_all_and_tells_of_the_store() {
    let shop = on_memory(ServiceName::Notification).await;
    let answer = shop.get("/health", "").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("UP")));
    shop.state().store.close().await;
    assert_eq!(shop.get("/health", "").await.status, 503);
}
