//! Giving money back.

use serde_json::{Value, json};

use super::{PAY, money, paid, pay, payment, refund, told, wish, with};
use crate::settings::ServiceName;
use crate::testing::on_each_store;

#[tokio::test]
async fn parts_add_up_exactly_until_all_is_back() {
    on_each_store(ServiceName::Payment, async |shop| {
        let id = paid(&shop, 5).await;
        shop.clock().advance_ms(1500);
        for (amount, sum) in [(0.1, 0.1), (0.2, 0.3), (14.69, 14.99)] {
            let answer = refund(&shop, &id, "", amount).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            assert_eq!(
                (&answer.body["status"], &answer.body["refundAmount"]),
                (&json!("COMPLETED"), &json!(sum))
            );
        }
        let last = refund(&shop, &id, "", 0.01).await;
        assert_eq!(last.body["status"], "REFUNDED");
        assert_eq!(last.body["updatedAt"], "2026-01-01T00:00:01.500");
        assert_eq!(payment(&shop, &id).await, last.body);
        assert_eq!(refund(&shop, &id, "", 0.01).await.status, 409);
        assert_eq!(money(&shop).await, [1500, 1500, 0]);
        let told = told(&shop).await;
        let refunds: Vec<Value> = told
            .iter()
            .filter(|(topic, _)| topic == "payment-refunded")
            .map(|(_, payload)| payload["refundAmount"].clone())
            .collect();
        assert_eq!(json!(refunds), json!([0.1, 0.2, 14.69, 0.01]));
        assert_eq!(told[4].1["status"], "REFUNDED");
    })
    .await;
}

#[tokio::test]
async fn no_more_is_given_back_than_is_left_and_nothing_of_what_was_not_paid() {
    on_each_store(ServiceName::Payment, async |shop| {
        let id = paid(&shop, 5).await;
        assert_eq!(refund(&shop, &id, "", 15.01).await.status, 400);
        assert_eq!(refund(&shop, &id, "", 0.0).await.status, 400);
        assert_eq!(refund(&shop, &id, "", 10.0).await.status, 200);
        let more = refund(&shop, &id, "", 5.01).await;
        assert_eq!(more.status, 409);
        let message = more.body["message"].as_str().unwrap();
        assert!(message.ends_with("only 5.00 is left"), "{message}");
        assert_eq!(refund(&shop, "PAY-none", "", 1.0).await.status, 404);
        let dear = with(wish(6), &json!({"amount": 100_001}));
        let failed = pay(&shop, "dear", dear).await;
        let failed = failed.body["paymentId"].as_str().unwrap();
        assert_eq!(refund(&shop, failed, "", 1.0).await.status, 409);
        assert_eq!(money(&shop).await, [1500, 1000, 500]);
        assert_eq!(told(&shop).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_key_answers_with_its_refund_as_it_was() {
    on_each_store(ServiceName::Payment, async |shop| {
        let (id, other) = (paid(&shop, 5).await, paid(&shop, 6).await);
        let first = refund(&shop, &id, "k", 5.0).await;
        shop.clock().advance_ms(1000);
        refund(&shop, &id, "rest", 10.0).await;
        let again = refund(&shop, &id, "k", 5.0).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(first.body["status"], "COMPLETED");
        let rest = refund(&shop, &id, "rest", 10.0).await;
        assert_eq!(rest.body["status"], "REFUNDED");
        assert_eq!(refund(&shop, &id, "k", 5.01).await.status, 409);
        assert_eq!(refund(&shop, &other, "k", 1.0).await.status, 200);
        assert_eq!(money(&shop).await, [3000, 1600, 1400]);
    })
    .await;
}

#[tokio::test]
async fn staff_alone_refunds_and_names_the_payment_twice() {
    on_each_store(ServiceName::Payment, async |shop| {
        let id = paid(&shop, 5).await;
        let path = format!("{PAY}/{id}/refund");
        let body = json!({"paymentId": id, "refundAmount": 1});
        assert_eq!(shop.post(&path, "", body.clone()).await.status, 401);
        let own = shop.user_token(7);
        assert_eq!(shop.post(&path, &own, body.clone()).await.status, 403);
        let admin = shop.admin_token();
        for changed in [
            json!({"paymentId": "PAY-other"}),
            json!({"paymentId": null}),
            json!({"refundAmount": null}),
            json!({"reason": "x".repeat(501)}),
        ] {
            let refused = shop.post(&path, &admin, with(body.clone(), &changed)).await;
            assert_eq!(refused.status, 400, "{changed}");
        }
        let bad_key = shop.post_once(&path, &admin, "a b", body.clone()).await;
        assert_eq!(bad_key.status, 400);
        assert_eq!(shop.post(&path, &admin, body).await.status, 200);
    })
    .await;
}
