//! Placing orders and looking at them.

use super::world::Shared;
use super::*;
use crate::money::Money;
use crate::settings::ServiceName;
use crate::testing::{Script, on_each_store_with, shop_behind};

/// Runs the body on each store, each time with the other services as at the start.
async fn on_each(body: impl AsyncFn(&Shared, Shop)) {
    let shared = Shared::start().await;
    let url = shared.gateway.url();
    let behind = |settings: &mut crate::Settings| settings.gateway_url = Some(url.clone());
    on_each_store_with(ServiceName::Order, behind, async |shop| {
        shared.reset();
        shared.follow(shop.clock());
        body(&shared, shop).await;
    })
    .await;
}

#[tokio::test]
async fn an_order_takes_lines_from_the_cart_and_prices_from_the_inventory() {
    on_each(async |shared, shop| {
        shared.world().prices.insert("B".into(), 1999);
        let answer = shop.post("/api/orders", &shop.user_token(7), wish()).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        let body = &answer.body;
        assert!(body["orderNumber"].as_str().unwrap().starts_with("ORD-"));
        assert_eq!(
            (&body["status"], &body["userId"]),
            (&json!("PENDING"), &json!(7))
        );
        assert_eq!(body["userEmail"], "user7@example.com");
        assert_eq!(
            (&body["totalAmount"], &body["totalItems"]),
            (&json!(44.98), &json!(3))
        );
        assert_eq!(body["shippingAddress"]["zipCode"], "62704");
        assert_eq!(body["notes"], "ring twice");
        let line = json!({"id": 2, "productId": "B", "productName": "B", "productImage": null,
            "price": 19.99, "quantity": 2, "subtotal": 39.98});
        assert_eq!(body["items"][1], line);
        let asked = shared.gateway.seen();
        let as_user = shop.user_token(7);
        assert_eq!(asked[0].bearer(), Some(&*as_user));
        assert_eq!(order(&shop, 1).await, *body);
        let number = body["orderNumber"].as_str().unwrap();
        let by_number = shop
            .get(&format!("/api/orders/number/{number}"), &as_user)
            .await;
        assert_eq!(by_number.body, *body);
        let events = shop.events().await;
        assert_eq!(
            (&*events[0].topic, &*events[0].kind),
            ("order-events", "ORDER_CREATED")
        );
        assert_eq!(events[0].payload["totalAmount"], 44.98);
    })
    .await;
}

#[tokio::test]
async fn an_order_goes_all_the_way_as_a_service_with_one_trace() {
    on_each(async |shared, shop| {
        let id = place(&shop, 7).await;
        shared.gateway.forget();
        run(&shop).await;
        let done = order(&shop, id).await;
        assert_eq!(done["status"], "PROCESSING");
        assert_eq!(
            (&done["paymentId"], &done["paymentStatus"]),
            (&json!("PAY-1"), &json!("COMPLETED"))
        );
        let way = [
            "PENDING",
            "INVENTORY_RESERVED",
            "PAYMENT_PROCESSING",
            "PAYMENT_COMPLETED",
            "PROCESSING",
        ];
        assert_eq!(statuses(&shop, id).await, way);
        let kinds: Vec<_> = shop
            .events()
            .await
            .into_iter()
            .map(|event| event.kind)
            .collect();
        let told = [
            "ORDER_CREATED",
            "ORDER_INVENTORY_RESERVED",
            "ORDER_STATUS_UPDATED",
            "ORDER_PAYMENT_COMPLETED",
            "ORDER_PROCESSING_COMPLETED",
            "ORDER_CART_CLEARED",
        ];
        assert_eq!(kinds, told);
        let calls = shared.gateway.seen();
        let paths: Vec<_> = calls.iter().map(|seen| seen.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/api/inventory/reserve",
                "/api/inventory/reserve",
                "/api/payments/process",
                "/api/inventory/confirm/order/1",
                "/api/cart/7/convert-to-order?orderId=1"
            ]
        );
        let trace = &shop.events().await[0].trace_id;
        for seen in &calls {
            assert_eq!(seen.headers["x-trace-id"], trace.as_str());
            let caller = shop.state().tokens.check(seen.bearer().unwrap()).unwrap();
            assert!(caller.is(crate::Role::Service), "{}", seen.path);
        }
        let pay = json!({"orderId": 1, "orderNumber": done["orderNumber"], "userId": 7,
            "amount": 15.0, "currency": "USD", "paymentMethod": "CREDIT_CARD"});
        assert_eq!(calls[2].body, pay);
    })
    .await;
}

#[tokio::test]
async fn one_key_makes_one_order_even_after_the_cart_is_cleared() {
    on_each(async |shared, shop| {
        let (path, token) = ("/api/orders", shop.user_token(7));
        let first = shop.post_once(path, &token, "k-1", wish()).await;
        assert_eq!(first.status, 201, "{:?}", first.body);
        run(&shop).await;
        shared.world().cart.clear();
        let again = shop.post_once(path, &token, "k-1", wish()).await;
        assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
        assert_eq!(again.body["status"], "PROCESSING");
        let mut other = wish();
        other["notes"] = json!("knock");
        assert_eq!(shop.post_once(path, &token, "k-1", other).await.status, 409);
        let bad = shop.post_once(path, &token, "k 1", wish()).await;
        assert_eq!(bad.status, 400);
        let stranger = shop
            .post_once(path, &shop.user_token(8), "k-1", wish())
            .await;
        assert_eq!(
            stranger.status, 400,
            "has an empty cart and no order by this key"
        );
    })
    .await;
}

#[tokio::test]
async fn of_two_requests_with_one_key_at_once_one_orders() {
    on_each(async |_, shop| {
        let other = shop.another().await;
        let token = shop.user_token(7);
        let (one, two) = tokio::join!(
            shop.post_once("/api/orders", &token, "k", wish()),
            other.post_once("/api/orders", &token, "k", wish()),
        );
        assert_eq!((one.status, two.status), (201, 201));
        assert_eq!(one.body["id"], two.body["id"]);
        let all = shop.get("/api/orders/user", &token).await;
        assert_eq!(all.body.as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_limits_hold_for_the_cart_that_is_ordered() {
    let shared = Shared::start().await;
    let shop = shop_behind(ServiceName::Order, &shared.gateway).await;
    let cart = |lines: &[(&str, i64)]| {
        let lines = lines
            .iter()
            .map(|(sku, quantity)| ((*sku).to_owned(), *quantity));
        shared.world().cart = lines.collect();
    };
    let placed = async || shop.post("/api/orders", &shop.user_token(7), wish()).await;
    let refused = async |why: &str| {
        let answer = placed().await;
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(
            answer.status == 400 && message.contains(why),
            "{why}: {:?}",
            answer.body
        );
    };
    shared.world().prices.insert("A".into(), 10_000);
    cart(&[("A", 100)]);
    assert_eq!(placed().await.status, 201, "10000.00 is allowed");
    cart(&[("A", 100), ("B", 1)]);
    refused("must be 0.01 to 10000.00, got 10005.00").await;
    cart(&[]);
    refused("the cart is empty").await;
    cart(&[("X", 1)]);
    refused("product \"X\" is not for sale").await;
    let skus: Vec<String> = (0..51).map(|number| format!("S{number}")).collect();
    shared
        .world()
        .shelf
        .extend(skus.iter().map(|sku| (sku.clone(), 1)));
    let lines: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    cart(&lines);
    refused("at most 50 lines, got 51").await;
    cart(&lines[..50]);
    let largest = placed().await;
    assert_eq!(largest.body["items"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn a_cart_or_an_inventory_that_does_not_answer_is_a_503_and_no_order() {
    let shared = Shared::start().await;
    let shop = shop_behind(ServiceName::Order, &shared.gateway).await;
    for path in ["/api/inventory/products/B", "/api/cart"] {
        shared
            .gateway
            .on(http::Method::GET, path, |_| Script::Break);
        let answer = shop.post("/api/orders", &shop.user_token(7), wish()).await;
        assert_eq!(answer.status, 503, "{path}: {:?}", answer.body);
    }
    assert_eq!(order(&shop, 1).await["status"], 404);
    let wrong = json!({"items": [], "shippingAddress": {}});
    let answer = shop.post("/api/orders", &shop.user_token(7), wrong).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn orders_are_their_customers_and_lists_are_bounded() {
    on_each(async |_, shop| {
        for user in [7, 7, 8] {
            place(&shop, user).await;
        }
        let (own, stranger) = (shop.user_token(7), shop.user_token(9));
        let number = order(&shop, 1).await["orderNumber"]
            .as_str()
            .unwrap()
            .to_owned();
        for path in [
            "/api/orders/1",
            "/api/orders/1/history",
            &format!("/api/orders/number/{number}"),
        ] {
            assert_eq!(shop.get(path, "").await.status, 401, "{path}");
            assert_eq!(shop.get(path, &stranger).await.status, 403, "{path}");
            assert_eq!(shop.get(path, &own).await.status, 200, "{path}");
            assert_eq!(
                shop.get(path, &shop.admin_token()).await.status,
                200,
                "{path}"
            );
        }
        for path in ["/api/orders/99", "/api/orders/number/ORD-1"] {
            assert_eq!(shop.get(path, &own).await.status, 404, "{path}");
        }
        assert_eq!(shop.get("/api/orders/x", &own).await.status, 400);
        let ids = async |path: &str, token: &str| -> Vec<i64> {
            let answer = shop.get(path, token).await;
            assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
            let list = answer
                .body
                .get("content")
                .unwrap_or(&answer.body)
                .as_array()
                .unwrap()
                .clone();
            list.iter()
                .map(|order| order["id"].as_i64().unwrap())
                .collect()
        };
        assert_eq!(ids("/api/orders/user", &own).await, [2, 1]);
        assert_eq!(ids("/api/orders/user", &stranger).await, [0; 0]);
        assert_eq!(ids("/api/orders/status/PENDING", &own).await, [2, 1]);
        assert_eq!(ids("/api/orders/status/SHIPPED", &own).await, [0; 0]);
        assert_eq!(
            ids("/api/orders/status/PENDING", &shop.admin_token()).await,
            [3, 2, 1]
        );
        assert_eq!(
            ids("/api/orders/user/paginated?page=1&size=1", &own).await,
            [1]
        );
        let page = shop.get("/api/orders/user/paginated", &own).await.body;
        let figures = json!([
            page["totalElements"],
            page["totalPages"],
            page["number"],
            page["size"],
            page["last"]
        ]);
        assert_eq!(figures, json!([2, 1, 0, 10, true]));
        for bad in ["page=-1", "size=0", "size=101", "page=x"] {
            let path = format!("/api/orders/user/paginated?{bad}");
            assert_eq!(shop.get(&path, &own).await.status, 400, "{bad}");
        }
        assert_eq!(
            shop.get("/api/orders/status/CONFIRMED", &own).await.status,
            400
        );
    })
    .await;
}

#[tokio::test]
async fn reconciliation_adds_up_all_orders_for_those_who_run_the_shop() {
    on_each(async |_, shop| {
        for user in [7, 8, 9] {
            place(&shop, user).await;
        }
        assert_eq!(cancel(&shop, 2, 8).await.status, 200);
        run(&shop).await;
        cancel(&shop, 3, 9).await;
        let path = "/api/orders/reconciliation";
        assert_eq!(shop.get(path, &shop.user_token(7)).await.status, 403);
        let sums = shop.get(path, &shop.admin_token()).await.body;
        assert_eq!(
            (&sums["orders"], &sums["totalAmount"]),
            (&json!(3), &json!(45.0))
        );
        assert_eq!(sums["unfinished"], 1, "one is being refunded");
        run(&shop).await;
        let sums = shop.get(path, &shop.service_token()).await.body;
        let of_one = json!({"orders": 1, "totalAmount": Money::cents(1500), "items": 3});
        let by_status = json!({"PROCESSING": of_one, "CANCELLED": of_one, "REFUNDED": of_one});
        assert_eq!(sums["byStatus"], by_status);
        let figures = json!([
            sums["unfinished"],
            sums["paidAmount"],
            sums["refundedAmount"],
            sums["soldItems"]
        ]);
        assert_eq!(figures, json!([0, 15.0, 15.0, 3]));
    })
    .await;
}

#[tokio::test]
async fn health_is_public() {
    let shared = Shared::start().await;
    let shop = shop_behind(ServiceName::Order, &shared.gateway).await;
    let answer = shop.get("/api/orders/health", "").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("UP")));
}
