//! The wire's contract: paths, statuses, fields and rules, on every way to keep carts.

use http::Method;
use serde_json::{Value, json};

use super::testing::{add, as_guest, cart, inventory, item, on_each_cart_store, told};
use crate::settings::ServiceName;
use crate::testing::{Script, Shop, on_memory, shop_behind};

const ITEMS: &str = "/api/cart/items";

async fn convert(shop: &Shop, token: &str, order_id: &str) -> (u16, Value) {
    let path = format!("/api/cart/7/convert-to-order?orderId={order_id}");
    let answer = shop.send(Method::POST, &path, token, None).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_first_look_makes_an_empty_cart_that_stays() {
    on_each_cart_store(async |shop, _| {
        let body = cart(&shop, 7).await;
        let expected = json!({"cartId": body["cartId"], "userId": 7, "sessionId": null,
            "items": [], "totalAmount": 0.0, "totalItems": 0, "status": "ACTIVE",
            "createdAt": "2026-01-01T00:00:00.000", "updatedAt": "2026-01-01T00:00:00.000"});
        assert_eq!(body, expected);
        assert_eq!(cart(&shop, 7).await, body);
        assert_ne!(cart(&shop, 8).await["cartId"], body["cartId"]);
        assert_eq!(told(&shop).await, ["cart-created"; 2]);
    })
    .await;
}

#[tokio::test]
async fn name_and_price_are_those_of_inventory() {
    on_each_cart_store(async |shop, fake| {
        let mut wish = item("PEN", 3);
        wish["productImage"] = json!("pen.png");
        let answer = shop.post(ITEMS, &shop.user_token(7), wish).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        let line = json!({"productId": "PEN", "productName": "Pen", "productImage": "pen.png",
            "price": 1.5, "quantity": 3, "subtotal": 4.5});
        assert_eq!(answer.body["items"], json!([line]));
        assert_eq!(answer.body["totalAmount"], 4.5);
        let summary = shop.get("/api/cart/summary", &shop.user_token(7)).await;
        let short = json!({"cartId": answer.body["cartId"], "totalItems": 3,
            "totalAmount": 4.5, "status": "ACTIVE"});
        assert_eq!((summary.status, summary.body), (200, short));
        let asked: Vec<String> = fake.seen().into_iter().map(|call| call.path).collect();
        assert!(
            asked.contains(&"/api/inventory/products/PEN".to_owned()),
            "{asked:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn quantities_add_up_to_a_hundred_and_to_the_stock() {
    on_each_cart_store(async |shop, _| {
        assert_eq!(add(&shop, 7, "PEN", 60).await.status, 201);
        assert_eq!(add(&shop, 7, "PEN", 41).await.status, 400);
        let full = add(&shop, 7, "PEN", 40).await;
        assert_eq!(full.body["totalItems"], 100, "{:?}", full.body);
        assert_eq!(add(&shop, 7, "LAMP", 3).await.status, 201);
        assert_eq!(add(&shop, 7, "LAMP", 3).await.status, 400);
        assert_eq!(cart(&shop, 7).await["totalItems"], 103);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_put_in_is_a_400_that_changes_nothing() {
    on_each_cart_store(async |shop, _| {
        let token = shop.user_token(7);
        for wish in [
            json!({}),
            item("PEN", 0),
            item("PEN", 101),
            item("", 1),
            item("NONE", 1),
            item("OLD", 1),
            item("..", 1),
            item("LAMP", 6),
            json!({"productId": "PEN", "quantity": 1, "price": 0}),
        ] {
            let answer = shop.post(ITEMS, &token, wish.clone()).await;
            assert_eq!(answer.status, 400, "{wish} {:?}", answer.body);
        }
        assert_eq!(told(&shop).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn an_inventory_that_does_not_say_is_a_503_that_changes_nothing() {
    let fake = inventory().await;
    let shop = shop_behind(ServiceName::Cart, &fake).await;
    assert_eq!(add(&shop, 7, "PEN", 2).await.status, 201);
    let product = (Method::GET, "/api/inventory/products/");
    let check = (Method::POST, "/api/inventory/check");
    for (method, path) in [check, product] {
        for status in [500, 503, 429, 403] {
            fake.on(method.clone(), path, move |_| {
                Script::Json(status, Value::Null)
            });
            let answer = add(&shop, 7, "PEN", 1).await;
            assert_eq!(answer.status, 503, "{path} {status} {:?}", answer.body);
        }
    }
    fake.on(Method::GET, "/api/inventory/products/", |_| Script::Break);
    assert_eq!(add(&shop, 7, "PEN", 1).await.status, 503);
    assert_eq!(cart(&shop, 7).await["totalItems"], 2);
    // What needs no inventory works without it.
    let pen = "/api/cart/items/PEN";
    assert_eq!(shop.delete(pen, &shop.user_token(7)).await.status, 204);
}

#[tokio::test]
async fn a_quantity_is_changed_and_zero_takes_the_product_out() {
    on_each_cart_store(async |shop, _| {
        let token = shop.user_token(7);
        let to = |quantity: i64| json!({"productId": "LAMP", "quantity": quantity});
        assert_eq!(shop.put(ITEMS, &token, to(1)).await.status, 404);
        add(&shop, 7, "LAMP", 1).await;
        let changed = shop.put(ITEMS, &token, to(5)).await;
        assert_eq!(
            (changed.status, &changed.body["totalItems"]),
            (200, &json!(5))
        );
        for quantity in [6, -1, 101] {
            assert_eq!(shop.put(ITEMS, &token, to(quantity)).await.status, 400);
        }
        let taken_out = shop.put(ITEMS, &token, to(0)).await;
        assert_eq!(
            (taken_out.status, &taken_out.body["items"]),
            (200, &json!([]))
        );
        for quantity in [0, 1] {
            assert_eq!(shop.put(ITEMS, &token, to(quantity)).await.status, 404);
        }
        let topics = [
            "cart-created",
            "cart-item-added",
            "cart-item-updated",
            "cart-item-removed",
        ];
        assert_eq!(told(&shop).await, topics);
    })
    .await;
}

#[tokio::test]
async fn products_and_carts_are_removed_and_a_cleared_cart_lives_again() {
    on_each_cart_store(async |shop, _| {
        let token = shop.user_token(7);
        let pen = "/api/cart/items/PEN";
        assert_eq!(shop.delete("/api/cart", &token).await.status, 404);
        assert_eq!(shop.delete(pen, &token).await.status, 404);
        let first = add(&shop, 7, "PEN", 1).await.body;
        let removed = shop.delete(pen, &token).await;
        assert_eq!((removed.status, removed.body), (204, Value::Null));
        assert_eq!(shop.delete(pen, &token).await.status, 404);
        for _ in 0..2 {
            assert_eq!(shop.delete("/api/cart", &token).await.status, 204);
        }
        assert_eq!(cart(&shop, 7).await["status"], "CLEARED");
        let again = add(&shop, 7, "PEN", 1).await.body;
        assert_eq!(again["status"], "ACTIVE");
        assert_eq!(again["cartId"], first["cartId"]);
    })
    .await;
}

#[tokio::test]
async fn guests_have_carts_without_a_token() {
    on_each_cart_store(async |shop, _| {
        let answer = as_guest(&shop, "POST", ITEMS, "s-1", "", item("PEN", 2)).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        assert_eq!(answer.body["sessionId"], "s-1");
        assert_eq!(answer.body["userId"], Value::Null);
        let own = as_guest(&shop, "GET", "/api/cart", "s-1", "", Value::Null).await;
        assert_eq!(own.body, answer.body);
        let others = as_guest(&shop, "GET", "/api/cart", "s-2", "", Value::Null).await;
        assert_eq!(others.body["totalItems"], 0);
        // A token counts before the session; a bad one is not passed over for it.
        let user = as_guest(
            &shop,
            "GET",
            "/api/cart",
            "s-1",
            &shop.user_token(7),
            json!(0),
        )
        .await;
        assert_eq!(user.body["userId"], 7);
        let bad = as_guest(&shop, "GET", "/api/cart", "s-1", "bad", Value::Null).await;
        assert_eq!(bad.status, 401);
        assert_eq!(shop.get("/api/cart", "").await.status, 401);
        assert_eq!(
            as_guest(&shop, "GET", "/api/cart", "a b", "", json!(0))
                .await
                .status,
            400
        );
        assert_eq!(
            shop.get("/api/cart", &shop.service_token()).await.status,
            403
        );
        let events = shop.events().await;
        assert!(
            events
                .iter()
                .all(|e| !e.payload.to_string().contains("s-1"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_guest_cart_goes_into_the_users_and_is_gone() {
    on_each_cart_store(async |shop, _| {
        let merge = "/api/cart/merge";
        let token = shop.user_token(7);
        let wish = json!({"anonymousCartId": "s", "targetUserId": 7});
        assert_eq!(shop.post(merge, "", wish.clone()).await.status, 401);
        assert_eq!(shop.post(merge, &token, wish.clone()).await.status, 404);
        add(&shop, 7, "PEN", 70).await;
        for (sku, quantity) in [("PEN", 40), ("LAMP", 2)] {
            as_guest(&shop, "POST", ITEMS, "s", "", item(sku, quantity)).await;
        }
        assert_eq!(
            shop.post(merge, &shop.user_token(8), wish.clone())
                .await
                .status,
            403
        );
        let nobody = json!({"anonymousCartId": "s"});
        assert_eq!(
            shop.post(merge, &shop.service_token(), nobody).await.status,
            400
        );
        let merged = shop.post(merge, &token, wish.clone()).await;
        assert_eq!(merged.status, 200, "{:?}", merged.body);
        assert_eq!(merged.body["totalItems"], 102, "100 pens and 2 lamps");
        assert_eq!(merged.body["userId"], 7);
        assert_eq!(shop.post(merge, &token, wish).await.status, 404);
        let guest = as_guest(&shop, "GET", "/api/cart", "s", "", Value::Null).await;
        assert_eq!(guest.body["totalItems"], 0);
        assert!(told(&shop).await.contains(&"cart-merged".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_guest_cart_is_named_by_its_id_only_beside_its_session() {
    on_each_cart_store(async |shop, _| {
        let guest = as_guest(&shop, "POST", ITEMS, "s", "", item("PEN", 1))
            .await
            .body;
        let wish = json!({"anonymousCartId": guest["cartId"]});
        let token = shop.user_token(7);
        let merge = "/api/cart/merge";
        assert_eq!(shop.post(merge, &token, wish.clone()).await.status, 404);
        let other = as_guest(&shop, "POST", merge, "other", &token, wish.clone()).await;
        assert_eq!(other.status, 404);
        let merged = as_guest(&shop, "POST", merge, "s", &token, wish).await;
        assert_eq!(
            (merged.status, &merged.body["totalItems"]),
            (200, &json!(1))
        );
    })
    .await;
}

#[tokio::test]
async fn a_converted_cart_is_empty_and_a_repetition_spares_what_came_since() {
    on_each_cart_store(async |shop, _| {
        let service = shop.service_token();
        assert_eq!(convert(&shop, &service, "41").await.0, 404);
        add(&shop, 7, "PEN", 2).await;
        let (status, first) = convert(&shop, &service, "41").await;
        assert_eq!(
            (status, &first["status"]),
            (200, &json!("CONVERTED_TO_ORDER"))
        );
        assert_eq!(first["items"], json!([]));
        let events = shop.events().await;
        let told = &events.last().unwrap().payload;
        assert_eq!(
            (&told["orderId"], &told["totalItems"]),
            (&json!("41"), &json!(2))
        );
        assert_eq!(add(&shop, 7, "PEN", 3).await.body["status"], "ACTIVE");
        shop.clock().advance_ms(60_000);
        assert_eq!(convert(&shop, &service, "41").await, (200, first));
        assert_eq!(cart(&shop, 7).await["totalItems"], 3);
        assert_eq!(convert(&shop, &service, "42").await.0, 200);
        assert_eq!(cart(&shop, 7).await["totalItems"], 0);
    })
    .await;
}

#[tokio::test]
async fn conversion_is_for_the_owner_administrators_and_services() {
    on_each_cart_store(async |shop, _| {
        add(&shop, 7, "PEN", 2).await;
        assert_eq!(convert(&shop, "", "1").await.0, 401);
        assert_eq!(convert(&shop, &shop.user_token(8), "1").await.0, 403);
        for order_id in ["", "%20", &"9".repeat(101)] {
            assert_eq!(convert(&shop, &shop.user_token(7), order_id).await.0, 400);
        }
        assert_eq!(convert(&shop, &shop.user_token(7), "1").await.0, 200);
        assert_eq!(convert(&shop, &shop.admin_token(), "2").await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn a_cart_is_forgotten_two_hours_after_its_last_change() {
    on_each_cart_store(async |shop, _| {
        let first = add(&shop, 7, "PEN", 2).await.body;
        shop.clock().advance_ms(7_199_999);
        let second = add(&shop, 7, "PEN", 1).await.body;
        assert_eq!(
            (&second["cartId"], &second["totalItems"]),
            (&first["cartId"], &json!(3))
        );
        shop.clock().advance_ms(7_200_000);
        assert_eq!(
            shop.delete("/api/cart", &shop.user_token(7)).await.status,
            404
        );
        let third = add(&shop, 7, "PEN", 1).await.body;
        assert_eq!(third["totalItems"], 1);
        assert_ne!(third["cartId"], first["cartId"]);
    })
    .await;
}

#[tokio::test]
async fn the_sweep_removes_expired_carts_alone() {
    on_each_cart_store(async |shop, _| {
        if shop.state().redis.is_some() {
            return;
        }
        for user in 1..=150 {
            cart(&shop, user).await;
        }
        shop.clock().advance_ms(7_200_000);
        cart(&shop, 150).await;
        while super::in_sql::sweep(shop.state()).await.unwrap() {}
        let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM carts")
            .fetch_one(shop.state().store.pool())
            .await
            .unwrap();
        assert_eq!(left, 1);
    })
    .await;
}

#[tokio::test]
async fn without_a_way_to_inventory_carts_can_still_be_looked_at() {
    let shop = on_memory(ServiceName::Cart).await;
    assert_eq!(add(&shop, 7, "PEN", 1).await.status, 503);
    assert_eq!(cart(&shop, 7).await["totalItems"], 0);
}
