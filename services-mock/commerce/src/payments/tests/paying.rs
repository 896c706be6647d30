//! Paying, and looking at payments.

use http::Method;
use serde_json::{Value, json};

use super::{PAY, money, paid, pay, payment, refund, sums, told, wish, with};
use crate::settings::ServiceName;
use crate::testing::{FakeGateway, Script, on_each_store, on_memory, shop_behind};

#[tokio::test]
async fn a_payment_is_completed_at_once_and_told() {
    on_each_store(ServiceName::Payment, async |shop| {
        let token = shop.user_token(7);
        let whole = with(
            wish(5),
            &json!({"paymentMethod": "UPI", "currency": "EUR", "description": "two lamps",
                    "paymentReference": "T-1"}),
        );
        let answer = shop.post(PAY, &token, whole).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        let body = answer.body;
        let id = body["paymentId"].as_str().unwrap();
        assert_eq!((&id[..4], id.len()), ("PAY-", 40));
        let expected = json!({"paymentId": id, "orderId": 5, "orderNumber": "ORD-5", "userId": 7,
            "amount": 15.0, "currency": "EUR", "method": "UPI", "description": "two lamps",
            "paymentReference": "T-1", "status": "COMPLETED", "errorMessage": null,
            "refundAmount": 0.0, "createdAt": "2026-01-01T00:00:00.000",
            "updatedAt": "2026-01-01T00:00:00.000"});
        assert_eq!(body, expected);
        assert_eq!(payment(&shop, id).await, body);
        let event = &shop.events().await[0];
        assert_eq!(
            (&*event.topic, &*event.kind),
            ("payment-processed", "PAYMENT_PROCESSED")
        );
        assert_eq!(event.subject, id);
        assert_eq!(event.trace_id, answer.headers["x-trace-id"]);
        let payload = json!({"paymentId": id, "orderId": 5, "orderNumber": "ORD-5", "userId": 7,
            "userEmail": "user7@example.com", "amount": 15.0, "currency": "EUR",
            "status": "COMPLETED", "errorMessage": null, "refundAmount": null});
        assert_eq!(event.payload, payload);
    })
    .await;
}

#[tokio::test]
async fn more_than_a_hundred_thousand_fails_and_takes_nothing() {
    on_each_store(ServiceName::Payment, async |shop| {
        let most = with(wish(1), &json!({"amount": 100_000}));
        assert_eq!(pay(&shop, "a", most).await.body["status"], "COMPLETED");
        let more = with(wish(2), &json!({"amount": 100_000.01}));
        let failed = pay(&shop, "b", more).await;
        assert_eq!(failed.status, 201);
        assert_eq!(
            (&failed.body["status"], &failed.body["errorMessage"]),
            (&json!("FAILED"), &json!("Insufficient funds"))
        );
        let told = told(&shop).await;
        assert_eq!(told[1].0, "payment-failed");
        assert_eq!(told[1].1["errorMessage"], "Insufficient funds");
        assert_eq!(money(&shop).await, [10_000_000, 0, 10_000_000]);
    })
    .await;
}

#[tokio::test]
async fn the_alias_pays_alike_with_what_is_usual_for_what_is_missing() {
    on_each_store(ServiceName::Payment, async |shop| {
        let token = shop.service_token();
        let wish = json!({"userId": 7, "amount": 0.01});
        for path in ["/api/payments/process", PAY] {
            let answer = shop.post(path, &token, wish.clone()).await;
            assert_eq!(answer.status, 201, "without key and order each is another");
            assert_eq!(
                (&answer.body["method"], &answer.body["currency"]),
                (&json!("CREDIT_CARD"), &json!("USD"))
            );
            assert_eq!(answer.body["orderId"], Value::Null);
        }
        assert_eq!(told(&shop).await[0].1["userEmail"], Value::Null);
        assert_eq!(money(&shop).await, [2, 0, 2]);
    })
    .await;
}

#[tokio::test]
async fn a_key_answers_with_its_payment_and_is_the_callers_own() {
    on_each_store(ServiceName::Payment, async |shop| {
        let (token, path) = (shop.user_token(7), "/api/payments/process");
        let wish = json!({"userId": 7, "amount": 15});
        let first = shop.post_once(path, &token, "k", wish.clone()).await;
        assert_eq!(first.status, 201);
        shop.clock().advance_ms(1000);
        let again = shop.post_once(PAY, &token, "k", wish.clone()).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        let other = with(wish.clone(), &json!({"amount": 15.01}));
        let refused = shop.post_once(PAY, &token, "k", other).await;
        assert_eq!(refused.status, 409, "{:?}", refused.body);
        let stranger = with(wish.clone(), &json!({"userId": 8}));
        let token = shop.user_token(8);
        let theirs = shop.post_once(PAY, &token, "k", stranger).await;
        assert_eq!(theirs.status, 201, "{:?}", theirs.body);
        for bad in ["a b", &"x".repeat(256)] {
            let refused = shop.post_once(PAY, &token, bad, wish.clone()).await;
            assert_eq!(refused.status, 403, "of another user");
            let own = with(wish.clone(), &json!({"userId": 8}));
            let refused = shop.post_once(PAY, &token, bad, own).await;
            assert_eq!(refused.status, 400, "{bad}");
        }
        assert_eq!(told(&shop).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_order_is_paid_once_whatever_the_key() {
    on_each_store(ServiceName::Payment, async |shop| {
        let id = paid(&shop, 5).await;
        let same = async |answer: crate::testing::Answer| {
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            assert_eq!(answer.body["paymentId"], id.as_str());
        };
        same(pay(&shop, "another", wish(5)).await).await;
        same(shop.post(PAY, &shop.admin_token(), wish(5)).await).await;
        let as_text = with(wish(5), &json!({"orderId": "5", "paymentMethod": "COD"}));
        same(pay(&shop, "third", as_text).await).await;
        for changed in [
            json!({"amount": 15.01}),
            json!({"amount": 200_000}),
            json!({"userId": 8}),
            json!({"currency": "INR"}),
        ] {
            let refused = pay(&shop, "fourth", with(wish(5), &changed)).await;
            assert_eq!(refused.status, 409, "{changed}: {:?}", refused.body);
        }
        let used = pay(&shop, "another", wish(6)).await;
        assert_eq!(used.status, 409, "that key led to the payment of order 5");
        let unused = pay(&shop, "fourth", wish(6)).await;
        assert_eq!(unused.status, 201, "a refused request leaves its key free");
        assert_eq!(
            refund(&shop, &id, "r", 15.0).await.body["status"],
            "REFUNDED"
        );
        let after = pay(&shop, "fifth", wish(5)).await;
        assert_eq!(
            (after.status, &after.body["status"]),
            (200, &json!("REFUNDED"))
        );
        assert_eq!(sums(&shop).await["payments"], 2);
    })
    .await;
}

#[tokio::test]
async fn a_failed_payment_is_repeated_by_its_key_and_does_not_keep_an_order_from_being_paid() {
    on_each_store(ServiceName::Payment, async |shop| {
        let dear = with(wish(5), &json!({"amount": 200_000}));
        let failed = pay(&shop, "a", dear.clone()).await;
        let again = pay(&shop, "a", dear.clone()).await;
        assert_eq!((again.status, &again.body), (200, &failed.body));
        let second = pay(&shop, "b", dear.clone()).await;
        assert_eq!(second.status, 201);
        assert_ne!(second.body["paymentId"], failed.body["paymentId"]);
        let path = "/api/payments/order/5";
        let shown = shop.get(path, &shop.service_token()).await;
        assert_eq!(shown.body, second.body, "the latest attempt");
        let good = pay(&shop, "c", wish(5)).await;
        assert_eq!(
            (good.status, &good.body["status"]),
            (201, &json!("COMPLETED"))
        );
        assert_eq!(shop.get(path, &shop.service_token()).await.body, good.body);
        let late = pay(&shop, "b", dear).await;
        assert_eq!((late.status, &late.body), (200, &second.body));
        let by_status = json!({"FAILED": 2, "COMPLETED": 1});
        assert_eq!(sums(&shop).await["byStatus"], by_status);
    })
    .await;
}

#[tokio::test]
async fn users_pay_and_see_for_themselves_staff_for_anyone() {
    on_each_store(ServiceName::Payment, async |shop| {
        let (own, stranger) = (shop.user_token(7), shop.user_token(8));
        assert_eq!(shop.post(PAY, "", wish(1)).await.status, 401);
        assert_eq!(shop.post(PAY, &stranger, wish(1)).await.status, 403);
        assert_eq!(shop.post(PAY, &own, wish(1)).await.status, 201);
        assert_eq!(
            shop.post(PAY, &shop.admin_token(), wish(2)).await.status,
            201
        );
        let id = paid(&shop, 3).await;
        for path in [format!("{PAY}/{id}"), "/api/payments/order/3".into()] {
            assert_eq!(shop.get(&path, "").await.status, 401, "{path}");
            assert_eq!(shop.get(&path, &stranger).await.status, 403, "{path}");
            for token in [&own, &shop.admin_token(), &shop.service_token()] {
                assert_eq!(shop.get(&path, token).await.body["paymentId"], id.as_str());
            }
        }
        for path in ["/api/payments/PAY-none", "/api/payments/order/99"] {
            let missing = shop.get(path, &shop.service_token()).await;
            assert_eq!(missing.status, 404, "{path}");
            assert_eq!(missing.body["path"], path);
        }
        let page = shop.get("/api/payments/user?page=1&size=2", &own).await;
        assert_eq!(page.status, 200, "{:?}", page.body);
        assert_eq!(page.body["content"][0]["orderId"], 1, "the latest first");
        let figures = [
            "totalElements",
            "totalPages",
            "number",
            "size",
            "first",
            "last",
        ];
        let figures = figures.map(|field| page.body[field].clone());
        assert_eq!(json!(figures), json!([3, 2, 1, 2, false, true]));
        let none = shop.get("/api/payments/user", &stranger).await;
        assert_eq!(none.body["totalElements"], 0);
        for bad in ["page=-1", "size=0", "size=101", "page=x"] {
            let path = format!("/api/payments/user?{bad}");
            assert_eq!(shop.get(&path, &own).await.status, 400, "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let shop = on_memory(ServiceName::Payment).await;
    let token = shop.user_token(7);
    for (changed, named) in [
        (json!({"amount": 0}), "amount"),
        (json!({"amount": -1}), "amount"),
        (json!({"amount": 1.001}), "decimals"),
        (json!({"amount": null}), "body"),
        (json!({"userId": null}), "body"),
        (json!({"paymentMethod": "SHELLS"}), "SHELLS"),
        (json!({"orderId": ""}), "orderId"),
        (json!({"description": "a\0"}), "NUL"),
    ] {
        let answer = shop.post(PAY, &token, with(wish(1), &changed)).await;
        assert_eq!(answer.status, 400, "{changed}: {:?}", answer.body);
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(named), "{named}: {message}");
    }
    assert_eq!(sums(&shop).await["payments"], 0);
}

#[tokio::test]
async fn nothing_is_left_of_a_payment_whose_transaction_does_not_end() {
    on_each_store(ServiceName::Payment, async |shop| {
        for polls in 1..60 {
            let mut paying = Box::pin(pay(&shop, "k", wish(1)));
            for _ in 0..polls {
                tokio::select! {
                    biased;
                    _ = &mut paying => break,
                    () = std::future::ready(()) => {}
                }
                tokio::task::yield_now().await;
            }
            drop(paying);
            let payments = sums(&shop).await["payments"].as_i64().unwrap();
            let events = i64::try_from(told(&shop).await.len()).unwrap();
            assert!(payments == events && payments <= 1, "{payments} {events}");
        }
        assert!(pay(&shop, "k", wish(1)).await.status < 300);
        assert_eq!(money(&shop).await, [1500, 0, 1500]);
    })
    .await;
}

#[tokio::test]
async fn a_customer_pays_for_an_order_what_it_costs() {
    let gateway = FakeGateway::start().await;
    let order = |status: &str| json!({"userId": 7, "totalAmount": 15.0, "status": status});
    for (id, script) in [
        (1, Script::Json(200, order("PENDING"))),
        (2, Script::Json(404, json!({}))),
        (3, Script::Json(403, json!({}))),
        (4, Script::Json(200, order("CANCELLED"))),
        (5, Script::Break),
        (
            6,
            Script::Json(200, with(order("PENDING"), &json!({"userId": 8}))),
        ),
    ] {
        let path = format!("/api/orders/{id}");
        gateway.on(Method::GET, &path, move |_| script.clone());
    }
    let shop = shop_behind(ServiceName::Payment, &gateway).await;
    let token = shop.user_token(7);
    let status = async |wish| shop.post(PAY, &token, wish).await.status;
    for changed in [json!({"amount": 0.01}), json!({"currency": "INR"})] {
        assert_eq!(status(with(wish(1), &changed)).await, 409, "{changed}");
    }
    for (order, refused) in [(2, 400), (3, 403), (4, 409), (5, 503), (6, 403)] {
        assert_eq!(status(wish(order)).await, refused, "{order}");
    }
    let named = with(wish(1), &json!({"orderId": "../users/me"}));
    assert_eq!(status(named).await, 400);
    assert_eq!(told(&shop).await, []);
    assert_eq!(status(wish(1)).await, 201);
    let asked = gateway.seen();
    assert_eq!(asked[0].bearer(), Some(&*token));
    gateway.forget();
    assert_eq!(status(wish(1)).await, 200);
    assert_eq!(pay(&shop, "order-1", wish(1)).await.status, 200);
    assert_eq!(pay(&shop, "order-2", wish(2)).await.status, 201);
    assert_eq!(status(json!({"userId": 7, "amount": 3})).await, 201);
    let asked = gateway.seen();
    assert!(
        asked.is_empty(),
        "nobody is asked about what is paid or not an order: {asked:?}"
    );
}

#[tokio::test]
async fn sums_and_health_are_for_those_who_run_the_shop_and_for_all() {
    on_each_store(ServiceName::Payment, async |shop| {
        let path = "/api/payments/reconciliation";
        assert_eq!(shop.get(path, &shop.user_token(7)).await.status, 403);
        assert_eq!(shop.get(path, "").await.status, 401);
        let nothing = json!({"byStatus": {}, "payments": 0, "paidAmount": 0.0,
            "refundedAmount": 0.0, "netAmount": 0.0, "byCurrency": {}, "duplicateOrders": 0,
            "consistent": true});
        assert_eq!(shop.get(path, &shop.admin_token()).await.body, nothing);
        let [one, two, _] = [
            paid(&shop, 1).await,
            paid(&shop, 2).await,
            paid(&shop, 3).await,
        ];
        pay(
            &shop,
            "eur",
            with(wish(4), &json!({"currency": "EUR", "amount": 0.1})),
        )
        .await;
        pay(
            &shop,
            "dear",
            with(wish(5), &json!({"amount": 9_999_999.99})),
        )
        .await;
        refund(&shop, &one, "r", 15.0).await;
        refund(&shop, &two, "r", 0.2).await;
        let expected = json!({"byStatus": {"COMPLETED": 3, "FAILED": 1, "REFUNDED": 1},
            "payments": 5, "paidAmount": 45.1, "refundedAmount": 15.2, "netAmount": 29.9,
            "byCurrency": {
                "EUR": {"paidAmount": 0.1, "refundedAmount": 0.0, "netAmount": 0.1},
                "USD": {"paidAmount": 45.0, "refundedAmount": 15.2, "netAmount": 29.8}},
            "duplicateOrders": 0, "consistent": true});
        assert_eq!(shop.get(path, &shop.service_token()).await.body, expected);
        for path in ["/health", "/api/payments/health"] {
            let health = shop.get(path, "").await;
            assert_eq!((health.status, &health.body["status"]), (200, &json!("UP")));
        }
    })
    .await;
}

#[tokio::test]
async fn the_document_tells_every_status_of_paying() {
    let shop = on_memory(ServiceName::Payment).await;
    let document = shop.get("/openapi.json", "").await.body;
    let statuses = |path: &str, method: &str| -> Vec<String> {
        let responses = &document["paths"][path][method]["responses"];
        responses.as_object().unwrap().keys().cloned().collect()
    };
    let all = ["200", "201", "400", "401", "403", "409", "503"];
    assert_eq!(statuses(PAY, "post"), all);
    assert_eq!(statuses("/api/payments/process", "post"), all);
    let refund = ["200", "400", "401", "403", "404", "409", "503"];
    assert_eq!(statuses("/api/payments/{paymentId}/refund", "post"), refund);
    for schema in [
        "Pay",
        "PaymentBody",
        "OrderId",
        "NewWebhook",
        "DeliveryBody",
    ] {
        assert!(
            document["components"]["schemas"][schema].is_object(),
            "{schema}"
        );
    }
}
