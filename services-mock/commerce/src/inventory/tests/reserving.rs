//! Reserving: what it answers, and that it happens once.

use serde_json::json;

use super::{RESERVE, end, put, reserve, reserved, stock, told};
use crate::settings::ServiceName;
use crate::testing::on_each_store;

#[tokio::test]
async fn a_reservation_moves_stock_from_available_to_reserved() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let answer = reserve(&shop, 7, "A", 3).await;
        let expected = json!({"reservationId": 1, "orderId": 7, "productSku": "A",
            "reservedQuantity": 3, "warehouseLocation": "W", "status": "ACTIVE",
            "expiresAt": "2026-01-01T00:30:00.000", "createdAt": "2026-01-01T00:00:00.000",
            "success": true, "message": "reserved"});
        assert_eq!((answer.status, &answer.body), (201, &expected));
        assert_eq!(stock(&shop, "A").await, [[10, 7, 3]]);
        let event = shop.events().await.pop().unwrap();
        assert_eq!(
            (&*event.topic, &*event.subject),
            ("inventory-reserved", "7")
        );
        assert_eq!(event.payload["availableQuantity"], 7);
    })
    .await;
}

#[tokio::test]
async fn the_same_request_again_answers_the_same_reservation() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 3).await;
        let first = reserve(&shop, 7, "A", 3).await;
        let again = reserve(&shop.another().await, 7, "A", 3).await;
        assert_eq!((first.status, again.status), (201, 200));
        for field in ["reservationId", "reservedQuantity", "expiresAt", "success"] {
            assert_eq!(first.body[field], again.body[field]);
        }
        let by_name = json!({"orderId": "7", "productSku": "A", "quantity": 3});
        let by_name = shop.post(RESERVE, &shop.service_token(), by_name).await;
        assert_eq!((by_name.status, &by_name.body["orderId"]), (200, &json!(7)));
        assert_eq!(stock(&shop, "A").await, [[3, 0, 3]]);
        assert_eq!(told(&shop).await, ["INVENTORY_RESERVED", "LOW_STOCK_ALERT"]);
    })
    .await;
}

#[tokio::test]
async fn the_same_line_with_another_wish_is_refused() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        put(&shop, "A", "V", 10).await;
        reserved(&shop, 7, "A", 3).await;
        assert_eq!(reserve(&shop, 7, "A", 2).await.status, 409);
        for (warehouse, status) in [("W", 200), ("V", 409)] {
            let body = json!({"orderId": 7, "productSku": "A", "quantity": 3,
                              "warehouseLocation": warehouse});
            let answer = shop.post(RESERVE, &shop.service_token(), body).await;
            assert_eq!(answer.status, status, "{warehouse}");
        }
        assert_eq!(stock(&shop, "A").await, [[10, 7, 3], [10, 10, 0]]);
    })
    .await;
}

#[tokio::test]
async fn a_late_repetition_takes_nothing_for_an_order_given_up() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let id = reserved(&shop, 7, "A", 3).await;
        assert_eq!(end(&shop, "release", id).await.status, 200);
        let late = reserve(&shop, 7, "A", 3).await;
        assert_eq!(late.status, 409);
        assert!(late.body["message"].as_str().unwrap().contains("RELEASED"));
        assert_eq!(stock(&shop, "A").await, [[10, 10, 0]]);
    })
    .await;
}

#[tokio::test]
async fn without_a_warehouse_the_first_with_enough_serves() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for (warehouse, pieces) in [("EMPTY", 0), ("FEW", 2), ("MANY", 9), ("MORE", 20)] {
            put(&shop, "A", warehouse, pieces).await;
        }
        for (order, quantity, warehouse) in [(1, 5, "MANY"), (2, 1, "FEW"), (3, 10, "MORE")] {
            let answer = reserve(&shop, order, "A", quantity).await;
            assert_eq!(answer.status, 201);
            assert_eq!(answer.body["warehouseLocation"], warehouse);
        }
        // 15 are left, but nowhere 11.
        assert_eq!(reserve(&shop, 4, "A", 11).await.status, 409);
        let there = json!({"orderId": 5, "productSku": "A", "quantity": 2,
                           "warehouseLocation": "FEW"});
        let answer = shop.post(RESERVE, &shop.service_token(), there).await;
        assert_eq!(answer.status, 409, "one is left there");
    })
    .await;
}

#[tokio::test]
async fn what_lies_nowhere_or_is_not_sold_is_refused() {
    on_each_store(ServiceName::Inventory, async |shop| {
        assert_eq!(reserve(&shop, 1, "NONE", 1).await.status, 404);
        let body = json!({"orderId": 1, "productSku": "HOME-MUG-001", "quantity": 1,
                          "warehouseLocation": "MOON"});
        let answer = shop.post(RESERVE, &shop.service_token(), body).await;
        assert_eq!(answer.status, 404);
        let old = json!({"sku": "OLD", "name": "Old", "category": "Toys", "price": 1,
                         "status": "DISCONTINUED"});
        let path = "/api/inventory/products";
        assert_eq!(shop.post(path, &shop.admin_token(), old).await.status, 201);
        put(&shop, "OLD", "W", 10).await;
        assert_eq!(reserve(&shop, 1, "OLD", 1).await.status, 409);
        assert_eq!(stock(&shop, "OLD").await, [[10, 10, 0]]);
    })
    .await;
}

#[tokio::test]
async fn only_staff_reserves_and_ends_and_token_comes_before_body() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for path in [
            RESERVE,
            "/api/inventory/adjust",
            "/api/inventory/items",
            "/api/inventory/create",
        ] {
            assert_eq!(shop.post(path, "", json!([])).await.status, 401, "{path}");
            let staff = shop.post(path, &shop.admin_token(), json!([])).await;
            assert_eq!(staff.status, 400, "{path}");
        }
        let body = json!({"orderId": 1, "productSku": "HOME-MUG-001", "quantity": 1});
        let user = shop.user_token(7);
        assert_eq!(shop.post(RESERVE, &user, body).await.status, 403);
        for path in [
            "release/1",
            "confirm/1",
            "release/order/1",
            "confirm/order/1",
        ] {
            let path = format!("/api/inventory/{path}");
            let answer = shop.send(http::Method::POST, &path, &user, None).await;
            assert_eq!(answer.status, 403, "{path}");
        }
        for path in ["reconciliation", "movements/A", "reservations/order/1"] {
            let path = format!("/api/inventory/{path}");
            assert_eq!(shop.get(&path, &user).await.status, 403, "{path}");
            assert_eq!(
                shop.get(&path, &shop.admin_token()).await.status,
                200,
                "{path}"
            );
        }
    })
    .await;
}
