//! Many requests at once, at two instances: nothing is sold twice, nothing is lost.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::{RESERVE, adjust, balance, end, put, reserve, reserved, stock, told};
use crate::ids::Ids;
use crate::inventory::sweep;
use crate::settings::ServiceName;
use crate::testing::{Shop, on_each_store};

const SEED: u64 = 20;

async fn two(shop: Shop) -> [Arc<Shop>; 2] {
    let other = shop.another().await;
    [Arc::new(shop), Arc::new(other)]
}

/// Reserves for many orders at once; the status of each.
async fn rush(shops: &[Arc<Shop>; 2], orders: i64, sku: &'static str, quantity: i64) -> Vec<u16> {
    let mut buyers = JoinSet::new();
    for order in 0..orders {
        let shop = Arc::clone(&shops[usize::from(order % 2 == 0)]);
        buyers.spawn(async move { reserve(&shop, order, sku, quantity).await.status });
    }
    let mut statuses = buyers.join_all().await;
    statuses.sort_unstable();
    statuses
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|&&got| got == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_pieces_are_not_sold_twice() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 25).await;
        let shops = two(shop).await;
        let statuses = rush(&shops, 40, "A", 2).await;
        assert_eq!(count(&statuses, 201), 12, "{statuses:?}");
        assert_eq!(count(&statuses, 409), 28, "{statuses:?}");
        assert_eq!(stock(&shops[0], "A").await, [[25, 1, 24]]);
        balance(&shops[0], "A").await;
        let alerts = told(&shops[0]).await.into_iter();
        assert_eq!(alerts.filter(|kind| kind == "LOW_STOCK_ALERT").count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pieces_of_several_warehouses_are_all_sold_and_no_more() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for warehouse in ["V", "W", "X"] {
            put(&shop, "A", warehouse, 5).await;
        }
        let shops = two(shop).await;
        let statuses = rush(&shops, 30, "A", 1).await;
        assert_eq!(count(&statuses, 201), 15, "{statuses:?}");
        assert_eq!(count(&statuses, 409), 15, "{statuses:?}");
        assert_eq!(stock(&shops[0], "A").await, [[5, 0, 5]; 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_wish_at_once_from_many_is_granted_once_even_for_the_last_pieces() {
    on_each_store(ServiceName::Inventory, async |shop| {
        put(&shop, "A", "W", 3).await;
        put(&shop, "A", "V", 3).await;
        let shops = two(shop).await;
        let mut same = JoinSet::new();
        for caller in 0..20 {
            let shop = Arc::clone(&shops[caller % 2]);
            same.spawn(async move {
                let answer = reserve(&shop, 7, "A", 3).await;
                (answer.status, answer.body["reservationId"].as_i64())
            });
        }
        let answers = same.join_all().await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.0).collect();
        assert_eq!((count(&statuses, 201), count(&statuses, 200)), (1, 19));
        assert!(answers.iter().all(|answer| answer.1 == answers[0].1));
        let rows = stock(&shops[0], "A").await;
        assert_eq!(rows, [[3, 0, 3], [3, 3, 0]]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_release_confirm_and_expiry_at_once_one_wins() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for sku in ["A", "B", "C"] {
            put(&shop, sku, "W", 100).await;
        }
        let shops = two(shop).await;
        for order in 0..8 {
            let lines = [("A", 1), ("C", 2), ("B", 3)];
            for (sku, quantity) in lines {
                reserved(&shops[0], order, sku, quantity).await;
            }
            let which = format!("order/{order}");
            let due_ms = shops[0].state().now_ms() + 30 * 60_000;
            let (released, confirmed, swept) = tokio::join!(
                end(&shops[0], "release", &which),
                end(&shops[1], "confirm", &which),
                sweep::run_once(shops[1].state(), due_ms),
            );
            swept.unwrap();
            let mut statuses = [released.status, confirmed.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409]);
            for sku in ["A", "B", "C"] {
                assert_eq!(balance(&shops[0], sku).await["reserved"], 0);
            }
        }
    })
    .await;
}

/// What one client of the storm does, drawn from a seed.
async fn act(shop: &Shop, ids: &Ids) -> u16 {
    const SKUS: [&str; 3] = ["A", "B", "C"];
    let sku = SKUS[usize::try_from(ids.below(3)).unwrap()];
    let order = i64::try_from(ids.below(12)).unwrap();
    let quantity = i64::try_from(1 + ids.below(3)).unwrap();
    let answer = match ids.below(10) {
        0 => adjust(shop, sku, quantity).await,
        1 => adjust(shop, sku, -quantity).await,
        2 => end(shop, "release", format!("order/{order}")).await,
        3 => end(shop, "confirm", format!("order/{order}")).await,
        4 => end(shop, "release", order).await,
        5 => end(shop, "confirm", order).await,
        _ => {
            let body = json!({"orderId": order, "productSku": sku, "quantity": quantity});
            shop.post(RESERVE, &shop.service_token(), body).await
        }
    };
    let status = answer.status;
    assert!(status < 500, "{}", answer.body);
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_storm_of_everything_the_sums_hold() {
    on_each_store(ServiceName::Inventory, async |shop| {
        for sku in ["A", "B", "C"] {
            for warehouse in ["V", "W"] {
                put(&shop, sku, warehouse, 6).await;
            }
        }
        let shops = two(shop).await;
        let mut clients = JoinSet::new();
        for client in 0..8 {
            let shop = Arc::clone(&shops[client % 2]);
            let ids = Ids::seeded(SEED + client as u64);
            clients.spawn(async move {
                let mut statuses = Vec::new();
                for _ in 0..30 {
                    statuses.push(act(&shop, &ids).await);
                }
                statuses
            });
        }
        let statuses = clients.join_all().await.concat();
        let known = |status: &u16| [200, 201, 404, 409].contains(status);
        assert!(statuses.iter().all(known), "no request fails or deadlocks");
        assert!(count(&statuses, 201) > 0 && count(&statuses, 409) > 0);
        for sku in ["A", "B", "C"] {
            balance(&shops[0], sku).await;
            let rows = stock(&shops[0], sku).await;
            assert!(rows.iter().flatten().all(|&pieces| pieces >= 0), "{rows:?}");
        }
    })
    .await;
}
