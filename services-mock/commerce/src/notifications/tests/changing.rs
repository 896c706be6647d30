//! The status machine, cancelling, scheduling, expiry and clean-up.

use super::*;

#[tokio::test]
async fn every_passage_is_as_the_state_machine_says_and_others_are_a_400() {
    use crate::notifications::names::NotificationStatus;
    let ways: [(&str, &[&str]); 7] = [
        ("PENDING", &[]),
        ("PROCESSING", &["PROCESSING"]),
        ("SENT", &["PROCESSING", "SENT"]),
        ("DELIVERED", &["PROCESSING", "SENT", "DELIVERED"]),
        ("FAILED", &["FAILED"]),
        ("CANCELLED", &["CANCELLED"]),
        ("EXPIRED", &["EXPIRED"]),
    ];
    at_noon(async |shop| {
        for (from, way) in ways {
            for &to in NotificationStatus::ALL {
                let id = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
                for step in way {
                    let answer = put_status(&shop, id, step).await;
                    assert_eq!(answer.status, 200, "{from} {step}: {:?}", answer.body);
                }
                let allowed = NotificationStatus::from_name(from).unwrap().may_become(to);
                let answer = put_status(&shop, id, to.name()).await;
                let expected = if allowed {
                    (200, to.name())
                } else {
                    (400, from)
                };
                assert_eq!(answer.status, expected.0, "{from} {to:?}");
                assert_eq!(status(&shop, id).await, expected.1);
            }
        }
        let answer = put_status(&shop, 1, "LOST").await;
        assert_eq!(answer.status, 400);
    })
    .await;
}

#[tokio::test]
async fn what_is_cancelled_is_not_sent_and_stays_visible() {
    at_noon(async |shop| {
        let id = made(&shop, 7, wish(&["PUSH", "IN_APP"], json!({}))).await;
        let path = format!("{PATH}/{id}?reason=no%20need");
        let answer = shop.delete(&path, &shop.user_token(7)).await;
        assert_eq!((answer.status, answer.body), (204, Value::Null));
        assert!(shop.run_tasks().await);
        let body = notification(&shop, id).await;
        assert_eq!(
            (&body["status"], &body["reason"]),
            (&json!("CANCELLED"), &json!("no need"))
        );
        for delivery in deliveries(&shop, id).await {
            assert_eq!(delivery["status"], "REJECTED");
            assert_eq!(delivery["lastError"], "the notification is CANCELLED");
            assert_eq!(delivery["attempts"], 0);
        }
        let again = shop.delete(&path, &shop.user_token(7)).await;
        assert_eq!(again.status, 400);
        let kinds: Vec<_> = shop
            .events()
            .await
            .into_iter()
            .map(|event| event.kind)
            .collect();
        assert_eq!(kinds, ["NOTIFICATION_CREATED", "NOTIFICATION_CANCELLED"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_scheduled_is_sent_at_once_and_what_is_waits_for_its_time() {
    at_noon(async |shop| {
        let now = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        let past = json!({"scheduledAt": "2025-12-01T00:00"});
        let past = made(&shop, 7, wish(&["PUSH"], past)).await;
        let later = json!({"scheduledAt": "2026-01-01T12:30:00"});
        let later = made(&shop, 7, wish(&["PUSH"], later)).await;
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, now).await, "SENT");
        assert_eq!(status(&shop, past).await, "SENT");
        assert_eq!(status(&shop, later).await, "PENDING");
        shop.clock().advance_ms(HOUR_MS / 2 - 1);
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, later).await, "PENDING");
        shop.clock().advance_ms(1);
        assert!(shop.run_tasks().await);
        let body = notification(&shop, later).await;
        assert_eq!(body["sentAt"], "2026-01-01T12:30:00.000");
    })
    .await;
}

#[tokio::test]
async fn what_arrives_or_comes_back_is_noted_with_the_delivery() {
    at_noon(async |shop| {
        let ids = [
            made(&shop, 7, wish(&["PUSH"], json!({}))).await,
            made(&shop, 7, wish(&["PUSH"], json!({}))).await,
        ];
        assert!(shop.run_tasks().await);
        let ends = [("DELIVERED", "DELIVERED"), ("FAILED", "BOUNCED")];
        for (id, (to, expected)) in ids.into_iter().zip(ends) {
            assert_eq!(delivery(&shop, id).await.0, "SENT");
            assert_eq!(put_status(&shop, id, to).await.status, 200);
            assert_eq!(delivery(&shop, id).await.0, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_over_before_it_is_sent_expires() {
    at_noon(async |shop| {
        let times = json!({"scheduledAt": "2026-01-01T13:00", "expiresAt": "2026-01-01T13:30"});
        let id = made(&shop, 7, wish(&["PUSH"], times)).await;
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, id).await, "PENDING");
        // As after an hour without any instance.
        shop.clock().advance_ms(2 * HOUR_MS);
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, id).await, "EXPIRED");
        let expected = ("REJECTED".into(), "the notification is EXPIRED".into());
        assert_eq!(delivery(&shop, id).await, expected);
    })
    .await;
}

#[tokio::test]
async fn closed_notifications_are_deleted_after_thirty_days_and_open_ones_kept() {
    const DAY_MS: i64 = 24 * HOUR_MS;
    at_noon(async |shop| {
        let told = event(
            "user-service:1",
            "user-created",
            "USER_CREATED",
            json!({"userId": 9}),
        );
        tell(&shop, std::slice::from_ref(&told)).await;
        let old = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        let open = json!({"scheduledAt": "2026-06-01T00:00"});
        let open = made(&shop, 7, wish(&["PUSH"], open)).await;
        assert!(shop.run_tasks().await);
        shop.clock().advance_ms(30 * DAY_MS);
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, old).await, "SENT");
        let recent = made(&shop, 7, wish(&["PUSH"], json!({}))).await;
        shop.clock().advance_ms(1);
        assert!(shop.run_tasks().await);
        let path = format!("{PATH}/{old}");
        assert_eq!(shop.get(&path, &shop.admin_token()).await.status, 404);
        assert_eq!(status(&shop, open).await, "PENDING");
        assert_eq!(status(&shop, recent).await, "SENT");
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE notification_id = $1")
                .bind(old)
                .fetch_one(shop.state().store.pool())
                .await
                .unwrap();
        assert_eq!(left, 0);
        let seen: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM seen_events")
            .fetch_one(shop.state().store.pool())
            .await
            .unwrap();
        assert_eq!(seen, 0);
    })
    .await;
}
