//! Releasing, confirming and expiring, of one reservation and of whole orders.

use serde_json::json;

use super::{balance, end, put, reserve, reserved, stock, told};
use crate::inventory::sweep;
use crate::settings::ServiceName;
use crate::testing::{Shop, on_each_store};

const HALF_AN_HOUR_MS: i64 = 30 * 60_000;
const MONTH_MS: i64 = 30 * 86_400_000;

async fn statuses(shop: &Shop, order: i64) -> Vec<String> {
    let path = format!("/api/inventory/reservations/order/{order}");
    let answer = shop.get(&path, &shop.service_token()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let lines = answer.body["reservations"].as_array().unwrap().iter();
    lines
        .map(|line| line["status"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn release_gives_back_once() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let id = reserved(&shop, 7, "A", 3).await;
        for _ in 0..2 {
            let answer = end(&shop, "release", id).await;
            let said = json!(format!("reservation {id} is RELEASED"));
            assert_eq!((answer.status, answer.body), (200, said));
            assert_eq!(stock(&shop, "A").await, [[10, 10, 0]]);
        }
        assert_eq!(end(&shop, "confirm", id).await.status, 409);
        assert_eq!(end(&shop, "release", 99).await.status, 404);
        assert_eq!(end(&shop, "release", "x").await.status, 400);
        let kinds = ["INVENTORY_RESERVED", "INVENTORY_RELEASED"];
        assert_eq!(told(&shop).await, kinds);
    })
    .await;
}

#[tokio::test]
async fn confirm_takes_away_once() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let id = reserved(&shop, 7, "A", 3).await;
        for _ in 0..2 {
            assert_eq!(end(&shop, "confirm", id).await.status, 200);
            assert_eq!(stock(&shop, "A").await, [[7, 7, 0]]);
        }
        assert_eq!(end(&shop, "release", id).await.status, 409);
        assert_eq!(end(&shop, "confirm", 99).await.status, 404);
        assert_eq!(
            reserve(&shop, 7, "A", 3).await.status,
            200,
            "it was sold to them"
        );
        let kinds = ["INVENTORY_RESERVED", "INVENTORY_CONFIRMED"];
        assert_eq!(told(&shop).await, kinds);
        assert_eq!(balance(&shop, "A").await["confirmed"], 3);
    })
    .await;
}

#[tokio::test]
async fn an_overdue_reservation_expires_and_cannot_be_confirmed() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let overdue = reserved(&shop, 7, "A", 3).await;
        let longer = json!({"orderId": 8, "productSku": "A", "quantity": 1,
                            "reservationDurationMinutes": 31});
        let longer = shop
            .post(super::RESERVE, &shop.service_token(), longer)
            .await;
        assert_eq!(longer.status, 201);
        shop.clock().advance_ms(HALF_AN_HOUR_MS - 1);
        assert!(shop.run_tasks().await);
        assert_eq!(
            stock(&shop, "A").await,
            [[10, 6, 4]],
            "its time is not over"
        );
        shop.clock().advance_ms(1);
        assert!(shop.run_tasks().await && shop.another().await.run_tasks().await);
        assert_eq!(stock(&shop, "A").await, [[10, 9, 1]]);
        assert_eq!(statuses(&shop, 7).await, ["EXPIRED"]);
        assert_eq!(statuses(&shop, 8).await, ["ACTIVE"]);
        assert_eq!(end(&shop, "confirm", overdue).await.status, 409);
        assert_eq!(end(&shop, "release", overdue).await.status, 200);
        assert_eq!(stock(&shop, "A").await, [[10, 9, 1]]);
        let last = shop.events().await.pop().unwrap();
        assert_eq!(
            (&*last.topic, &*last.kind),
            ("inventory-released", "INVENTORY_EXPIRED")
        );
    })
    .await;
}

#[tokio::test]
async fn a_round_expires_a_batch_and_says_that_there_is_more() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 60).await;
        for order in 0..51 {
            reserved(&shop, order, "A", 1).await;
        }
        let due_ms = shop.state().now_ms() + HALF_AN_HOUR_MS;
        assert!(sweep::run_once(shop.state(), due_ms).await.unwrap());
        assert_eq!(stock(&shop, "A").await, [[60, 59, 1]]);
        assert!(!sweep::run_once(shop.state(), due_ms).await.unwrap());
        assert_eq!(stock(&shop, "A").await, [[60, 60, 0]]);
    })
    .await;
}

#[tokio::test]
async fn an_order_is_confirmed_or_released_as_a_whole() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for sku in ["A", "B"] {
            put(&shop, sku, "W", 10).await;
            reserved(&shop, 7, sku, 3).await;
            reserved(&shop, 8, sku, 2).await;
        }
        for _ in 0..2 {
            let confirmed = end(&shop, "confirm", "order/7").await;
            assert_eq!(confirmed.status, 200, "{:?}", confirmed.body);
            assert_eq!(confirmed.body["orderId"], 7);
            let lines = confirmed.body["reservations"].as_array().unwrap();
            assert!(lines.iter().all(|line| line["status"] == "CONFIRMED"));
            assert_eq!(lines.len(), 2);
            assert_eq!(end(&shop, "release", "order/8").await.status, 200);
        }
        assert_eq!(end(&shop, "release", "order/7").await.status, 409);
        assert_eq!(end(&shop, "confirm", "order/8").await.status, 409);
        for sku in ["A", "B"] {
            assert_eq!(stock(&shop, sku).await, [[7, 7, 0]]);
            balance(&shop, sku).await;
        }
        let confirmed = told(&shop).await.into_iter();
        assert_eq!(
            confirmed
                .filter(|kind| kind == "INVENTORY_CONFIRMED")
                .count(),
            2
        );
    })
    .await;
}

#[tokio::test]
async fn an_order_with_one_line_gone_is_not_confirmed_in_part() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for sku in ["A", "B"] {
            put(&shop, sku, "W", 10).await;
        }
        reserved(&shop, 7, "A", 3).await;
        let gone = reserved(&shop, 7, "B", 3).await;
        assert_eq!(end(&shop, "release", gone).await.status, 200);
        assert_eq!(end(&shop, "confirm", "order/7").await.status, 409);
        assert_eq!(statuses(&shop, 7).await, ["ACTIVE", "RELEASED"]);
        assert_eq!(stock(&shop, "A").await, [[10, 7, 3]]);
        assert_eq!(end(&shop, "release", "order/7").await.status, 200);
        assert_eq!(stock(&shop, "A").await, [[10, 10, 0]]);
    })
    .await;
}

#[tokio::test]
async fn an_order_with_one_line_sold_is_not_released_in_part() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for sku in ["A", "B"] {
            put(&shop, sku, "W", 10).await;
        }
        reserved(&shop, 7, "A", 3).await;
        let sold = reserved(&shop, 7, "B", 3).await;
        assert_eq!(end(&shop, "confirm", sold).await.status, 200);
        assert_eq!(end(&shop, "release", "order/7").await.status, 409);
        assert_eq!(statuses(&shop, 7).await, ["ACTIVE", "CONFIRMED"]);
        assert_eq!(stock(&shop, "A").await, [[10, 7, 3]]);
    })
    .await;
}

#[tokio::test]
async fn an_order_without_reservations_has_nothing_to_release_and_is_not_confirmed() {
    on_each_store(ServiceName::Inventory, async |shop| {
        let released = end(&shop, "release", "order/99").await;
        let nothing = json!({"orderId": 99, "reservations": []});
        assert_eq!((released.status, released.body), (200, nothing));
        assert_eq!(end(&shop, "confirm", "order/99").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn old_reservations_are_purged_and_their_sales_still_count() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 10).await;
        let sold = reserved(&shop, 7, "A", 3).await;
        assert_eq!(end(&shop, "confirm", sold).await.status, 200);
        shop.clock().advance_ms(MONTH_MS);
        assert!(shop.run_tasks().await);
        assert_eq!(statuses(&shop, 7).await.len(), 1);
        shop.clock().advance_ms(1);
        assert!(shop.run_tasks().await);
        assert_eq!(statuses(&shop, 7).await.len(), 0);
        assert_eq!(balance(&shop, "A").await["confirmed"], 3);
    })
    .await;
}
