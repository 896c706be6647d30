//! Many requests at once, at two instances: nobody is charged twice, nothing is given back twice.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::{PAY, count, money, paid, pay, refund, sums, told, wish, with};
use crate::ids::Ids;
use crate::settings::ServiceName;
use crate::testing::{Answer, Shop, on_each_store};

const SEED: u64 = 7;

async fn two(shop: Shop) -> [Arc<Shop>; 2] {
    let other = shop.another().await;
    [Arc::new(shop), Arc::new(other)]
}

/// So many requests at once, half of them at each instance.
async fn rush<F>(
    shops: &[Arc<Shop>; 2],
    requests: usize,
    ask: fn(Arc<Shop>, usize) -> F,
) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let mut asking = JoinSet::new();
    for number in 0..requests {
        asking.spawn(ask(Arc::clone(&shops[number % 2]), number));
    }
    asking.join_all().await
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_at_once_from_many_charges_once() {
    on_each_store(ServiceName::Payment, async |shop| {
        let shops = two(shop).await;
        let answers = rush(&shops, 20, |shop, _| async move {
            let wish = json!({"userId": 7, "amount": 15});
            shop.post_once(PAY, &shop.user_token(7), "k", wish).await
        })
        .await;
        let got = statuses(&answers);
        assert_eq!((count(&got, 201), count(&got, 200)), (1, 19), "{got:?}");
        let first = &answers[0].body;
        assert!(answers.iter().all(|answer| answer.body == *first));
        assert_eq!(money(&shops[0]).await, [1500, 0, 1500]);
        assert_eq!(told(&shops[0]).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_order_at_once_from_many_with_other_keys_or_none_is_paid_once() {
    on_each_store(ServiceName::Payment, async |shop| {
        let shops = two(shop).await;
        let answers = rush(&shops, 20, |shop, number| async move {
            match number % 3 {
                0 => shop.post(PAY, &shop.user_token(7), wish(5)).await,
                _ => pay(&shop, &format!("k-{number}"), wish(5)).await,
            }
        })
        .await;
        let got = statuses(&answers);
        assert_eq!((count(&got, 201), count(&got, 200)), (1, 19), "{got:?}");
        let id = &answers[0].body["paymentId"];
        assert!(answers.iter().all(|answer| answer.body["paymentId"] == *id));
        assert_eq!(money(&shops[1]).await, [1500, 0, 1500]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_at_once_for_two_payments_belongs_to_one() {
    on_each_store(ServiceName::Payment, async |shop| {
        let shops = two(shop).await;
        let answers = rush(&shops, 12, |shop, number| async move {
            let order = i64::from(number % 4 > 1);
            pay(&shop, "k", wish(order)).await
        })
        .await;
        let got = statuses(&answers);
        let figures = [count(&got, 201), count(&got, 200), count(&got, 409)];
        assert_eq!(figures, [1, 5, 6], "{got:?}");
        assert_eq!(money(&shops[0]).await, [1500, 0, 1500]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_order_at_once_from_two_users_is_paid_by_one() {
    on_each_store(ServiceName::Payment, async |shop| {
        let shops = two(shop).await;
        let answers = rush(&shops, 12, |shop, number| async move {
            let user = if number % 4 > 1 { 7 } else { 8 };
            let wish = with(wish(5), &json!({"userId": user}));
            pay(&shop, &format!("k-{number}"), wish).await
        })
        .await;
        let got = statuses(&answers);
        let figures = [count(&got, 201), count(&got, 200), count(&got, 409)];
        assert_eq!(figures, [1, 5, 6], "{got:?}");
        assert_eq!(sums(&shops[0]).await["payments"], 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refunds_at_once_never_give_back_more_than_was_paid() {
    on_each_store(ServiceName::Payment, async |shop| {
        let shops = two(shop).await;
        paid(&shops[0], 5).await;
        let answers = rush(&shops, 20, |shop, number| async move {
            let order = shop
                .get("/api/payments/order/5", &shop.service_token())
                .await;
            let id = order.body["paymentId"].as_str().unwrap();
            refund(&shop, id, &format!("r-{number}"), 2.0).await
        })
        .await;
        let got = statuses(&answers);
        assert_eq!((count(&got, 200), count(&got, 409)), (7, 13), "{got:?}");
        assert_eq!(money(&shops[0]).await, [1500, 1400, 100]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_refund_at_once_from_many_is_made_once() {
    on_each_store(ServiceName::Payment, async |shop| {
        let shops = two(shop).await;
        paid(&shops[0], 5).await;
        let answers = rush(&shops, 20, |shop, _| async move {
            let order = shop
                .get("/api/payments/order/5", &shop.service_token())
                .await;
            let id = order.body["paymentId"].as_str().unwrap();
            refund(&shop, id, "order-5-refund", 4.0).await
        })
        .await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        let first = &answers[0].body;
        assert!(answers.iter().all(|answer| answer.body == *first));
        assert_eq!(money(&shops[1]).await, [1500, 400, 1100]);
        assert_eq!(told(&shops[0]).await.len(), 2);
    })
    .await;
}

/// What one client of the storm does, drawn from a seed.
async fn act(shop: &Shop, ids: &Ids) -> u16 {
    let order = i64::try_from(ids.below(6)).unwrap();
    let key = format!("k-{}", ids.below(12));
    if ids.below(2) == 0 {
        return pay(shop, &key, wish(order)).await.status;
    }
    let path = format!("/api/payments/order/{order}");
    let found = shop.get(&path, &shop.service_token()).await;
    match found.body["paymentId"].as_str() {
        None => found.status,
        Some(id) => refund(shop, id, &key, 3.01).await.status,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_storm_of_everything_the_sums_hold_and_nothing_deadlocks() {
    on_each_store(ServiceName::Payment, async |shop| {
        let hook = json!({"url": "http://127.0.0.1:1/", "secret": "0123456789abcdef",
            "events": ["payment-processed", "payment-refunded"]});
        let path = "/api/payments/webhooks";
        assert_eq!(shop.post(path, &shop.admin_token(), hook).await.status, 201);
        let shops = two(shop).await;
        let mut clients = JoinSet::new();
        for client in 0..8 {
            let shop = Arc::clone(&shops[client % 2]);
            let ids = Ids::seeded(SEED + client as u64);
            clients.spawn(async move {
                let mut got = Vec::new();
                for _ in 0..25 {
                    got.push(act(&shop, &ids).await);
                }
                got
            });
        }
        let got = clients.join_all().await.concat();
        println!("seed {SEED}: {got:?}");
        let known = |status: &u16| [200, 201, 404, 409].contains(status);
        assert!(got.iter().all(known), "no request fails");
        assert!(count(&got, 201) > 0 && count(&got, 409) > 0);
        let [paid, refunded, net] = money(&shops[0]).await;
        assert!(refunded <= paid && net >= 0);
        let waiting = shops[1]
            .get("/api/payments/webhooks/deliveries", &shops[1].admin_token())
            .await;
        let events = told(&shops[0]).await.len();
        assert_eq!(
            waiting.body["totalElements"], events,
            "one delivery for each event"
        );
    })
    .await;
}
