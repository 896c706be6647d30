//! E-mail that really arrives at a server, or is refused by one.

use super::*;
use crate::testing::{MailServer, on_each_store_with};

/// Runs the body on each store at noon, with a mail server as at the start.
async fn with_mail(body: impl AsyncFn(&MailServer, Shop)) {
    let mail = MailServer::start().await;
    let url = mail.url();
    let by_mail = |settings: &mut crate::Settings| settings.smtp_url = Some(url.clone());
    on_each_store_with(ServiceName::Notification, by_mail, async |shop| {
        mail.forget();
        mail.refuse(None);
        shop.clock().advance_ms(12 * HOUR_MS);
        body(&mail, shop).await;
    })
    .await;
}

#[tokio::test]
async fn an_e_mail_arrives_once_with_its_text() {
    with_mail(async |mail, shop| {
        let message = "Your order is on its way.\n.\n..dots stay\nÄrgerlich";
        let body = wish(
            &["EMAIL"],
            json!({"title": "Große Neuigkeit", "message": message}),
        );
        let id = made(&shop, 7, body).await;
        assert!(shop.run_tasks().await);
        assert!(shop.run_tasks().await);
        let mails = mail.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, ["user7@example.com"]);
        assert_eq!(mails[0].from, "no-reply@shop.example");
        assert_eq!(mails[0].header("To"), Some("user7@example.com"));
        assert_eq!(
            mails[0].header("Date"),
            Some("Thu, 01 Jan 2026 12:00:00 +0000")
        );
        assert!(mails[0].header("Subject").unwrap().starts_with("=?utf-8?"));
        assert!(
            mails[0].text().contains("\n..dots stay"),
            "{}",
            mails[0].data
        );
        let delivery = deliveries(&shop, id).await.remove(0);
        assert_eq!(delivery["status"], "SENT");
        assert_eq!(delivery["recipient"], "user7@example.com");
        assert_eq!(
            (&delivery["attempts"], &delivery["sentAt"]),
            (&json!(1), &json!("2026-01-01T12:00:00.000"))
        );
        assert_eq!(status(&shop, id).await, "SENT");
    })
    .await;
}

#[tokio::test]
async fn a_title_cannot_bring_headers_or_receivers_along() {
    with_mail(async |mail, shop| {
        let template = json!({"name": "t", "channel": "EMAIL", "type": "SYSTEM_ALERT",
                              "subject": "{{a}}", "body": "b"});
        let answer = shop
            .post("/api/templates", &shop.admin_token(), template)
            .await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        let evil = json!({"a": "x\r\nBcc: victim@example.com"});
        made(
            &shop,
            7,
            wish(&["EMAIL"], json!({"templateId": "t", "metadata": evil})),
        )
        .await;
        assert!(shop.run_tasks().await);
        let mails = mail.mails();
        assert_eq!(mails[0].to, ["user7@example.com"]);
        assert_eq!(mails[0].header("Bcc"), None, "{}", mails[0].data);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_with_longer_waits_and_fails_in_the_end() {
    with_mail(async |mail, shop| {
        mail.refuse(Some(450));
        let id = made(&shop, 7, wish(&["EMAIL"], json!({"maxRetries": 2}))).await;
        let mut waits = Vec::new();
        for tries in 1..=3 {
            assert!(shop.run_tasks().await);
            assert_eq!(mail.refused().len(), tries);
            // Not before its time.
            assert!(shop.run_tasks().await);
            assert_eq!(mail.refused().len(), tries);
            let delivery = deliveries(&shop, id).await.remove(0);
            assert_eq!(delivery["attempts"], tries);
            assert!(
                delivery["lastError"].as_str().unwrap().contains("450"),
                "{delivery}"
            );
            if let Some(next) = delivery["nextTryAt"].as_str() {
                let next_ms = crate::parse_iso(next).unwrap();
                let wait_ms = next_ms - shop.state().now_ms();
                assert_eq!(delivery["status"], "PENDING");
                assert_eq!(status(&shop, id).await, "PROCESSING");
                waits.push(wait_ms);
                shop.clock().advance_ms(wait_ms);
            }
        }
        assert!((10_000..=15_000).contains(&waits[0]), "{waits:?}");
        assert!((20_000..=30_000).contains(&waits[1]), "{waits:?}");
        shop.clock().advance_ms(HOUR_MS);
        assert!(shop.run_tasks().await);
        assert_eq!(mail.refused().len(), 3);
        assert_eq!(delivery(&shop, id).await.0, "FAILED");
        let body = notification(&shop, id).await;
        assert_eq!(body["status"], "FAILED");
        assert!(body["reason"].as_str().unwrap().contains("450"), "{body}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_takes_it_later_gets_it_later() {
    with_mail(async |mail, shop| {
        mail.refuse(Some(421));
        let id = made(&shop, 7, wish(&["EMAIL", "IN_APP"], json!({}))).await;
        assert!(shop.run_tasks().await);
        assert_eq!(status(&shop, id).await, "PROCESSING");
        mail.refuse(None);
        shop.clock().advance_ms(60_000);
        assert!(shop.run_tasks().await);
        assert_eq!(mail.mails().len(), 1);
        assert_eq!(status(&shop, id).await, "SENT");
        let all = deliveries(&shop, id).await;
        let states: Vec<_> = all
            .iter()
            .map(|one| one["status"].as_str().unwrap())
            .collect();
        assert_eq!(states, ["SENT", "DELIVERED"]);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_for_good_is_not_repeated() {
    with_mail(async |mail, shop| {
        mail.refuse(Some(550));
        let id = made(&shop, 7, wish(&["EMAIL"], json!({}))).await;
        assert!(shop.run_tasks().await);
        shop.clock().advance_ms(HOUR_MS);
        assert!(shop.run_tasks().await);
        assert_eq!(mail.refused(), ["user7@example.com"]);
        assert_eq!(delivery(&shop, id).await.0, "BOUNCED");
        assert_eq!(status(&shop, id).await, "FAILED");
    })
    .await;
}

#[tokio::test]
async fn an_address_is_remembered_and_never_made_up() {
    with_mail(async |mail, shop| {
        let body = wish(&["EMAIL"], json!({"userId": 9}));
        let answer = post(&shop, &shop.service_token(), body.clone()).await;
        let id = answer.body["id"].as_i64().unwrap();
        assert!(shop.run_tasks().await);
        assert_eq!(mail.mails(), []);
        let (state, error) = delivery(&shop, id).await;
        assert_eq!(
            (&*state, &*error),
            ("PENDING", "no e-mail address of the user is known")
        );
        let payload = json!({"userId": 9, "email": "nine@example.com", "firstName": "N"});
        tell(
            &shop,
            &[event(
                "user-service:9",
                "user-created",
                "USER_CREATED",
                payload,
            )],
        )
        .await;
        shop.clock().advance_ms(60_000);
        assert!(shop.run_tasks().await);
        let receivers: Vec<_> = mail.mails().into_iter().flat_map(|mail| mail.to).collect();
        assert_eq!(
            receivers, ["nine@example.com"; 2],
            "the welcome and what waited"
        );
        assert_eq!(delivery(&shop, id).await.0, "SENT");
    })
    .await;
}

#[tokio::test]
async fn without_a_server_e_mail_is_recorded() {
    at_noon(async |shop| {
        let id = made(&shop, 7, wish(&["EMAIL"], json!({}))).await;
        assert!(shop.run_tasks().await);
        assert_eq!(delivery(&shop, id).await.0, "SENT");
    })
    .await;
}
