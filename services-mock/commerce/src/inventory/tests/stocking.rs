//! Items, checks, adjustments, alerts, movements and sums.

use serde_json::{Value, json};

use super::{adjust, balance, end, put, reserve, reserved, stock, told};
use crate::settings::ServiceName;
use crate::testing::{Shop, on_each_store};

async fn items(shop: &Shop, path: &str) -> Vec<Value> {
    let answer = shop.get(path, &shop.user_token(7)).await;
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer.body.as_array().unwrap().clone()
}

#[tokio::test]
async fn items_are_listed_by_product_warehouse_and_level() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "MOON", 0).await;
        put(&shop, "A", "MARS", 3).await;
        let all = items(&shop, "/api/inventory?size=500").await;
        for path in [
            "/api/inventory/all?size=500",
            "/api/inventory/items?size=500",
        ] {
            assert_eq!(items(&shop, path).await, all, "{path}");
        }
        let on_the_moon = items(&shop, "/api/inventory/items/warehouse/MOON").await;
        let low = items(&shop, "/api/inventory/low-stock").await;
        assert_eq!(on_the_moon, low);
        let id = all.len();
        let expected = json!({"id": id - 1, "productSku": "A", "sku": "A",
            "warehouseLocation": "MOON", "totalQuantity": 0, "availableQuantity": 0,
            "reservedQuantity": 0, "minStockLevel": 2, "maxStockLevel": 1_000_000_000,
            "reorderPoint": 10, "reorderQuantity": 10, "lowStock": true, "outOfStock": true,
            "updatedAt": "2026-01-01T00:00:00.000"});
        assert_eq!(on_the_moon, [expected]);
        assert_eq!(
            items(&shop, "/api/inventory/product/A").await,
            all[id - 2..]
        );
        assert_eq!(
            items(&shop, "/api/inventory/product/NONE").await,
            [] as [Value; 0]
        );
        for path in ["", "/all", "/items", "/low-stock", "/product/A"] {
            let path = format!("/api/inventory{path}");
            assert_eq!(shop.get(&path, "").await.status, 401, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_warehouse_has_one_item_of_a_product() {
    on_each_store(ServiceName::Inventory, async |shop| {
        let body = json!({"sku": "A", "warehouseLocation": "W", "quantity": 5});
        let (path, admin) = ("/api/inventory/create", shop.admin_token());
        assert_eq!(shop.post(path, &admin, body.clone()).await.status, 200);
        assert_eq!(shop.post(path, &admin, body.clone()).await.status, 409);
        let path = "/api/inventory/items";
        assert_eq!(shop.post(path, &admin, body.clone()).await.status, 409);
        assert_eq!(shop.post(path, &shop.user_token(7), body).await.status, 403);
        assert_eq!(stock(&shop, "A").await, [[5, 5, 0]]);
    })
    .await;
}

#[tokio::test]
async fn a_check_tells_what_a_reservation_would_find() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "FEW", 2).await;
        put(&shop, "A", "MANY", 9).await;
        put(&shop, "A", "MORE", 20).await;
        let check = async |sku: &str, quantity: i64, warehouse: Option<&str>| {
            let body = json!({"productSku": sku, "quantity": quantity,
                              "warehouseLocation": warehouse});
            let path = "/api/inventory/check";
            let answer = shop.post(path, &shop.user_token(7), body).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            let fields = ["available", "availableQuantity", "warehouseLocation"];
            fields.map(|field| answer.body[field].clone())
        };
        for (quantity, warehouse, expected) in [
            (1, None, json!([true, 2, "FEW"])),
            (5, None, json!([true, 9, "MANY"])),
            (21, None, json!([false, 20, "MORE"])),
            (5, Some("FEW"), json!([false, 2, "FEW"])),
            (1, Some("MOON"), json!([false, 0, "MOON"])),
        ] {
            let got = check("A", quantity, warehouse).await;
            assert_eq!(json!(got), expected, "{quantity} {warehouse:?}");
        }
        assert_eq!(json!(check("NONE", 1, None).await), json!([false, 0, null]));
        assert_eq!(
            stock(&shop, "A").await[0],
            [2, 2, 0],
            "a check holds nothing"
        );
        let wrong = json!({"productSku": "A", "quantity": 0});
        let wrong = shop
            .post("/api/inventory/check", &shop.user_token(7), wrong)
            .await;
        assert_eq!(wrong.status, 400);
    })
    .await;
}

#[tokio::test]
async fn an_adjustment_never_takes_what_is_reserved() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        reserved(&shop, 7, "A", 4).await;
        assert_eq!(adjust(&shop, "A", -7).await.status, 409);
        assert_eq!(adjust(&shop, "A", 1_000_000_000).await.status, 409);
        assert_eq!(stock(&shop, "A").await, [[10, 6, 4]]);
        let done = adjust(&shop, "A", -6).await;
        assert_eq!((done.status, &done.body["outOfStock"]), (200, &json!(true)));
        assert_eq!(adjust(&shop, "A", 5).await.status, 200);
        assert_eq!(stock(&shop, "A").await, [[9, 5, 4]]);
        assert_eq!(adjust(&shop, "NONE", 5).await.status, 404);
        assert_eq!(adjust(&shop, "A", 0).await.status, 400);
        assert_eq!(balance(&shop, "A").await["adjustments"], -1);
        let event = shop.events().await.pop().unwrap();
        assert_eq!(event.topic, "inventory-adjusted");
        assert_eq!(event.payload["quantityAdjustment"], 5);
    })
    .await;
}

#[tokio::test]
async fn an_adjustment_with_a_reference_is_done_once() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let change = async |by: i64, reference: &str| {
            let body = json!({"productSku": "A", "quantityAdjustment": by, "reference": reference});
            let path = "/api/inventory/adjust";
            shop.post(path, &shop.service_token(), body).await.status
        };
        // Again too when it could not be done a second time.
        assert_eq!((change(-8, "r").await, change(-8, "r").await), (200, 200));
        assert_eq!(stock(&shop, "A").await, [[2, 2, 0]]);
        assert_eq!(change(-7, "r").await, 409);
        let both = tokio::join!(change(3, "s"), change(3, "s"));
        assert_eq!(both, (200, 200));
        assert_eq!(stock(&shop, "A").await, [[5, 5, 0]]);
        balance(&shop, "A").await;
    })
    .await;
}

#[tokio::test]
async fn low_stock_is_told_once_each_time_it_becomes_low() {
    on_each_store(ServiceName::Inventory, async |shop| {
        let alerts = async |expected: usize| {
            let told = told(&shop).await.into_iter();
            let count = told.filter(|kind| kind == "LOW_STOCK_ALERT").count();
            assert_eq!(count, expected);
        };
        put(&shop, "A", "W", 5).await;
        reserved(&shop, 1, "A", 2).await;
        alerts(0).await;
        let crossing = reserved(&shop, 2, "A", 1).await;
        alerts(1).await;
        reserved(&shop, 3, "A", 1).await;
        assert_eq!(adjust(&shop, "A", -1).await.status, 200);
        assert_eq!(end(&shop, "confirm", crossing).await.status, 200);
        alerts(1).await;
        assert_eq!(adjust(&shop, "A", 10).await.status, 200);
        alerts(1).await;
        assert_eq!(adjust(&shop, "A", -8).await.status, 200);
        alerts(2).await;
        let events = shop.events().await;
        let alert = events
            .iter()
            .rfind(|event| event.topic == "low-stock-alert");
        let expected = json!({"productSku": "A", "warehouseLocation": "W", "availableQuantity": 2,
            "minStockLevel": 2, "reorderPoint": 10, "reorderQuantity": 10});
        assert_eq!(alert.unwrap().payload, expected);
    })
    .await;
}

#[tokio::test]
async fn every_change_is_logged() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let sold = reserved(&shop, 1, "A", 3).await;
        let given_back = reserved(&shop, 2, "A", 2).await;
        assert_eq!(end(&shop, "confirm", sold).await.status, 200);
        assert_eq!(end(&shop, "release", given_back).await.status, 200);
        assert_eq!(adjust(&shop, "A", -1).await.status, 200);
        assert_eq!(reserve(&shop, 3, "A", 99).await.status, 409);
        let path = "/api/inventory/movements/A";
        let answer = shop.get(path, &shop.admin_token()).await;
        let logged = answer.body.as_array().unwrap().iter().rev();
        let logged: Vec<Value> = logged
            .map(|m| json!([m["type"], m["quantity"], m["orderId"], m["reason"]]))
            .collect();
        let expected = [
            json!(["INBOUND", 10, null, null]),
            json!(["RESERVATION", 3, 1, null]),
            json!(["RESERVATION", 2, 2, null]),
            json!(["OUTBOUND", 3, 1, null]),
            json!(["RELEASE", 2, 2, null]),
            json!(["ADJUSTMENT", -1, null, "counted"]),
        ];
        assert_eq!(logged, expected);
    })
    .await;
}

#[tokio::test]
async fn reconciliation_adds_up_and_sees_a_piece_that_is_missing() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        put(&shop, "A", "V", 5).await;
        let sold = reserved(&shop, 1, "A", 3).await;
        assert_eq!(end(&shop, "confirm", sold).await.status, 200);
        reserved(&shop, 2, "A", 2).await;
        assert_eq!(adjust(&shop, "A", -1).await.status, 200);
        let expected = json!({"sku": "A", "initial": 15, "adjustments": -1, "confirmed": 3,
            "total": 11, "available": 9, "reserved": 2, "activeReservations": 2,
            "consistent": true});
        assert_eq!(balance(&shop, "A").await, expected);
        let theft = "UPDATE stock SET total = total - 1, available = available - 1 WHERE sku = 'A'";
        let pool = shop.state().store.pool();
        sqlx::query(theft).execute(pool).await.unwrap();
        let path = "/api/inventory/reconciliation";
        let answer = shop.get(path, &shop.service_token()).await;
        assert_eq!(answer.body["consistent"], false);
        let wrong = answer.body["products"].as_array().unwrap().iter();
        let wrong: Vec<_> = wrong.filter(|line| line["consistent"] == false).collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0]["sku"], "A");
    })
    .await;
}

#[tokio::test]
async fn health_is_open_to_all_and_tells_of_the_store() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for path in ["/health", "/api/inventory/health"] {
            let up = shop.get(path, "").await;
            assert_eq!((up.status, &up.body["status"]), (200, &json!("UP")));
        }
        shop.state().store.close().await;
        assert_eq!(shop.get("/health", "").await.status, 503);
    })
    .await;
}
