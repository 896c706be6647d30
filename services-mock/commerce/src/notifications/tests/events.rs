//! Events of the other services, over HTTP and over Redis Streams.

use super::*;
use crate::events::{Event, streams};
use crate::notifications::events::stream;
use crate::settings::{Admin, Secret};
use crate::testing::{FakeGateway, MailServer, RedisServer, StoreKind, on_memory, shop_behind};

fn order(id: &str, kind: &str, status: &str) -> Value {
    let payload = json!({"orderId": 3, "orderNumber": "ORD-3", "userId": 7, "status": status,
        "userEmail": "ada@example.com", "previousStatus": "PENDING", "totalAmount": 15.0,
        "totalItems": 3, "paymentId": null, "reason": null});
    event(id, "order-events", kind, payload)
}

fn payment(id: &str, topic: &str, status: &str) -> Value {
    let payload = json!({"userId": 7, "paymentId": "PAY-1", "orderId": 3, "orderNumber": "ORD-3",
        "amount": 15.5, "currency": "EUR", "status": status, "errorMessage": "no funds",
        "refundAmount": 5});
    event(id, topic, "x", payload)
}

#[tokio::test]
async fn events_become_notifications_of_their_users() {
    at_noon(async |shop| {
        let created = json!({"userId": 7, "email": "seven@example.com", "firstName": "Ada"});
        let stock = json!({"productSku": "A-1", "warehouseLocation": "US_EAST",
                           "availableQuantity": 2});
        let counts = tell(
            &shop,
            &[
                event("user-service:1", "user-created", "USER_CREATED", created),
                order("order-service:1", "ORDER_CREATED", "PENDING"),
                order(
                    "order-service:2",
                    "ORDER_PROCESSING_COMPLETED",
                    "PROCESSING",
                ),
                order("order-service:3", "ORDER_CART_CLEARED", "PROCESSING"),
                order("order-service:4", "ORDER_STATUS_UPDATED", "SHIPPED"),
                order("order-service:5", "ORDER_STATUS_UPDATED", "DELIVERED"),
                payment("payment-service:1", "payment-processed", "COMPLETED"),
                payment("payment-service:2", "payment-failed", "FAILED"),
                payment("payment-service:3", "payment-refunded", "REFUNDED"),
                event(
                    "inventory-service:1",
                    "low-stock-alert",
                    "LOW_STOCK_ALERT",
                    stock,
                ),
                event(
                    "cart-service:1",
                    "cart-cleared",
                    "CART_CLEARED",
                    json!({"userId": 7}),
                ),
            ],
        )
        .await;
        assert_eq!(counts, json!({"notified": 9, "repeated": 0, "ignored": 2}));
        let mut all = all_of(&shop, 7).await;
        all.extend(all_of(&shop, 0).await);
        let told: Vec<_> = all
            .iter()
            .map(|one| {
                (
                    one["type"].as_str().unwrap(),
                    one["title"].as_str().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("WELCOME", "Welcome, Ada"),
            ("ORDER_STATUS_UPDATE", "Order ORD-3: PENDING"),
            ("ORDER_CONFIRMATION", "Order ORD-3 is confirmed"),
            ("ORDER_SHIPPED", "Order ORD-3 is on its way"),
            ("ORDER_DELIVERED", "Order ORD-3 has arrived"),
            ("PAYMENT_SUCCESS", "Payment of 15.50 EUR received"),
            ("PAYMENT_FAILED", "Payment for order ORD-3 failed"),
            ("PAYMENT_SUCCESS", "Refund of 5.00 EUR"),
            ("INVENTORY_LOW_STOCK", "Low stock: A-1 in US_EAST"),
        ];
        assert_eq!(told, expected);
        assert!(shop.run_tasks().await);
        let recipient = async |at: usize| {
            let id = all[at]["id"].as_i64().unwrap();
            let email = deliveries(&shop, id).await.remove(0);
            (email["channel"].clone(), email["recipient"].clone())
        };
        assert_eq!(
            recipient(2).await,
            (json!("EMAIL"), json!("ada@example.com")),
            "as the event says"
        );
        assert_eq!(
            recipient(5).await,
            (json!("EMAIL"), json!("seven@example.com")),
            "as remembered"
        );
        let own = shop
            .get(&format!("{PATH}?userId=0"), &shop.user_token(7))
            .await;
        assert_eq!(own.status, 403, "the system's are not for users");
    })
    .await;
}

#[tokio::test]
async fn an_event_counts_once_however_often_and_to_whom_it_comes() {
    at_noon(async |shop| {
        let other = shop.another().await;
        let one = [order(
            "order-service:2",
            "ORDER_PROCESSING_COMPLETED",
            "PROCESSING",
        )];
        let (first, second) = tokio::join!(tell(&shop, &one), tell(&other, &one));
        let notified = [&first, &second].map(|counts| counts["notified"].as_i64().unwrap());
        assert_eq!(notified[0] + notified[1], 1, "{first} {second}");
        let again = tell(&shop, &[one[0].clone(), one[0].clone()]).await;
        assert_eq!(again, json!({"notified": 0, "repeated": 2, "ignored": 0}));
        assert_eq!(all_of(&shop, 7).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_used_does_not_hold_up_the_relay() {
    at_noon(async |shop| {
        let counts = tell(
            &shop,
            &[
                event(
                    "user-service:1",
                    "user-created",
                    "USER_CREATED",
                    json!(null),
                ),
                event("", "user-created", "USER_CREATED", json!({"userId": 7})),
                event(
                    "order-service:1",
                    "order-events",
                    "ORDER_CREATED",
                    json!({"userId": 7}),
                ),
                order("order-service:2", "ORDER_CREATED", "PENDING"),
            ],
        )
        .await;
        assert_eq!(counts, json!({"notified": 1, "repeated": 0, "ignored": 3}));
        let path = "/api/notifications/events";
        for (token, expected) in [
            (shop.user_token(7), 403),
            (shop.admin_token(), 403),
            (String::new(), 401),
        ] {
            let answer = shop.post(path, &token, json!({"events": []})).await;
            assert_eq!(answer.status, expected);
        }
        let many = vec![order("a:1", "ORDER_CREATED", "PENDING"); 1001];
        for body in [json!({}), json!({"events": [{}]}), json!({"events": many})] {
            let answer = shop.post(path, &shop.service_token(), body).await;
            assert_eq!(answer.status, 400);
        }
    })
    .await;
}

#[tokio::test]
async fn a_registration_elsewhere_arrives_as_an_e_mail() {
    let mail = MailServer::start().await;
    let fake = FakeGateway::start().await;
    let shop = Shop::start(StoreKind::Memory, ServiceName::Notification, |settings| {
        settings.smtp_url = Some(mail.url());
    })
    .await;
    shop.clock().advance_ms(12 * HOUR_MS);
    fake.mount(PATH, shop.router());
    let users = shop_behind(ServiceName::User, &fake).await;
    users.clock().advance_ms(12 * HOUR_MS);
    let ada = json!({"email": "ada@example.com", "password": "correct horse",
                     "firstName": "Ada", "lastName": "Lovelace"});
    let registered = users.post("/api/users/register", "", ada).await;
    assert_eq!(registered.status, 201, "{:?}", registered.body);
    assert!(users.run_tasks().await);
    assert!(shop.run_tasks().await);
    let mails = mail.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ada@example.com"]);
    assert_eq!(mails[0].header("Subject"), Some("Welcome, Ada"));
    let trace = &users.events().await[0].trace_id;
    assert_eq!(
        shop.events().await[0].trace_id,
        *trace,
        "one trace all the way"
    );
}

#[tokio::test]
async fn an_alert_reaches_the_operators_whatever_the_hour_and_however_many_came_before() {
    let mail = MailServer::start().await;
    let shop = Shop::start(StoreKind::Memory, ServiceName::Notification, |settings| {
        settings.smtp_url = Some(mail.url());
        settings.admin = Some(Admin {
            email: "root@example.com".into(),
            password: Secret::new("top secret"),
        });
    })
    .await;
    let alerts = (1..=30).map(|number| {
        let payload = json!({"productSku": format!("A-{number}")});
        let id = format!("inventory-service:{number}");
        event(&id, "low-stock-alert", "LOW_STOCK_ALERT", payload)
    });
    tell(&shop, &alerts.collect::<Vec<_>>()).await;
    assert!(shop.run_tasks().await);
    assert_eq!(mail.mails().len(), 30);
    assert!(
        mail.mails()
            .iter()
            .all(|mail| mail.to == ["root@example.com"])
    );
}

#[tokio::test]
async fn a_changed_template_is_used_and_one_that_asks_too_much_is_replaced() {
    at_noon(async |shop| {
        let admin = shop.admin_token();
        let path = "/api/templates/name/order-confirmation/channel/IN_APP";
        let template = shop.get(path, &admin).await.body;
        let path = format!("/api/templates/{}", template["id"]);
        let titles = async |id: &str| {
            tell(
                &shop,
                &[order(id, "ORDER_PROCESSING_COMPLETED", "PROCESSING")],
            )
            .await;
            all_of(&shop, 7).await.pop().unwrap()["title"].clone()
        };
        let change = json!({"subject": "Thanks for {{orderNumber}}"});
        assert_eq!(shop.put(&path, &admin, change).await.status, 200);
        assert_eq!(titles("a:1").await, "Thanks for ORD-3");
        let change = json!({"subject": "Thanks, {{nickname}}"});
        assert_eq!(shop.put(&path, &admin, change).await.status, 200);
        assert_eq!(titles("a:2").await, "Order ORD-3 is confirmed");
        assert_eq!(shop.delete(&path, &admin).await.status, 204);
        assert_eq!(titles("a:3").await, "Order ORD-3 is confirmed");
    })
    .await;
}

fn streamed(number: i64) -> Event {
    let id = format!("order-service:{number}");
    let event = order(&id, "ORDER_PROCESSING_COMPLETED", "PROCESSING");
    serde_json::from_value(event).unwrap()
}

#[tokio::test]
async fn events_of_a_stream_are_taken_once_by_two_instances_and_what_one_left_open_later() {
    for kind in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres] {
        eprintln!("on {kind:?}");
        let redis = RedisServer::start().await;
        let by_stream = |settings: &mut crate::Settings| settings.redis_url = Some(redis.url());
        let shop = Shop::start(kind, ServiceName::Notification, by_stream).await;
        let other = shop.another().await;
        let client = shop.state().redis.clone().unwrap();
        // The same event twice, as a relay that crashed between telling and noting tells it.
        let events: Vec<_> = (1..=20).chain([20]).map(streamed).collect();
        streams::publish(&client, &events).await.unwrap();
        let crashed =
            streams::Group::new(&client, "notification-service", "crashed", &stream::TOPICS);
        assert_eq!(crashed.receive(5).await.unwrap().len(), 5);
        let (one, two) = tokio::join!(
            stream::run_once(shop.state(), &client, 60_000),
            stream::run_once(other.state(), &client, 60_000),
        );
        assert!(one.unwrap() || two.unwrap());
        assert_eq!(all_of(&shop, 7).await.len(), 15);
        shop.clock().advance_ms(15_000);
        assert!(stream::run_once(other.state(), &client, 0).await.unwrap());
        assert_eq!(all_of(&shop, 7).await.len(), 20);
        shop.clock().advance_ms(15_000);
        assert!(
            !stream::run_once(shop.state(), &client, 0).await.unwrap(),
            "nothing is left open"
        );
    }
}

#[tokio::test]
async fn an_event_that_meets_a_broken_store_stays_open() {
    let redis = RedisServer::start().await;
    let shop = Shop::start(StoreKind::Sqlite, ServiceName::Notification, |settings| {
        settings.redis_url = Some(redis.url());
    })
    .await;
    let other = shop.another().await;
    let client = shop.state().redis.clone().unwrap();
    streams::publish(&client, &[streamed(1)]).await.unwrap();
    shop.state().store.close().await;
    assert!(stream::run_once(shop.state(), &client, 0).await.is_err());
    assert!(stream::run_once(other.state(), &client, 0).await.unwrap());
    assert_eq!(all_of(&other, 7).await.len(), 1);
}

#[tokio::test]
async fn without_redis_the_listening_task_has_nothing_to_do() {
    let shop = on_memory(ServiceName::Notification).await;
    assert!(shop.run_tasks().await);
}
