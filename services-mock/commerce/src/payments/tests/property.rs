//! Whatever is asked in whatever order: answers and sums are those of a model.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{PAY, sums};
use crate::money::Money;
use crate::settings::ServiceName;
use crate::testing::{Answer, Shop, on_each_store, on_memory};

#[derive(Clone, Debug)]
enum Request {
    Pay {
        order: Option<i64>,
        user: i64,
        cents: i64,
        key: Option<u8>,
    },
    /// Of the payment of this number, counted from the first and around.
    Refund {
        which: usize,
        cents: i64,
        key: Option<u8>,
    },
}

fn request() -> impl Strategy<Value = Request> {
    let order = prop::option::weighted(0.8, 0..5_i64);
    let cents = prop::sample::select(vec![1, 30, 1500, 10_000_000, 10_000_001]);
    let key = || prop::option::weighted(0.7, 0..8_u8);
    let pay = (order, 7..9_i64, cents, key());
    let pay = pay.prop_map(|(order, user, cents, key)| Request::Pay {
        order,
        user,
        cents,
        key,
    });
    let refund = (0..20_usize, prop_oneof![1..40_i64, 500..900_i64], key());
    let refund = refund.prop_map(|(which, cents, key)| Request::Refund { which, cents, key });
    prop_oneof![pay, refund]
}

#[derive(Clone, Debug)]
struct Payment {
    id: String,
    order: Option<i64>,
    user: i64,
    amount: i64,
    refunded: i64,
    failed: bool,
}

impl Payment {
    fn status(&self) -> &'static str {
        match (self.failed, self.refunded == self.amount) {
            (true, _) => "FAILED",
            (false, true) => "REFUNDED",
            (false, false) => "COMPLETED",
        }
    }
}

type Print = (Option<i64>, i64, i64);

#[derive(Debug, Default)]
struct Model {
    payments: Vec<Payment>,
    /// What each key was used for, and the payment that it led to.
    keys: HashMap<u8, (Print, usize)>,
    /// By payment and key: amount, and what was back after it.
    refund_keys: HashMap<(usize, u8), (i64, i64)>,
}

impl Model {
    /// Status of the answer, and the payment it shows; a new one has no number yet.
    fn pay(&mut self, order: Option<i64>, user: i64, amount: i64, key: Option<u8>) -> (u16, usize) {
        let print = (order, user, amount);
        if let Some((used_for, led_to)) = key.and_then(|key| self.keys.get(&key)) {
            return (if *used_for == print { 200 } else { 409 }, *led_to);
        }
        let failed = amount > 10_000_000;
        let paying = |paid: &Payment| order.is_some() && paid.order == order && !paid.failed;
        let (status, at) = match self.payments.iter().position(paying) {
            Some(at) if self.payments[at].user != user => return (409, at),
            Some(at) if self.payments[at].amount != amount => return (409, at),
            Some(at) => (200, at),
            None => (201, self.payments.len()),
        };
        if status == 201 {
            self.payments.push(Payment {
                id: String::new(),
                order,
                user,
                amount,
                refunded: 0,
                failed,
            });
        }
        self.keys.extend(key.map(|key| (key, (print, at))));
        (status, at)
    }

    /// Status of the answer, and what it says is back.
    fn refund(&mut self, at: usize, amount: i64, key: Option<u8>) -> (u16, i64) {
        if let Some((made, after)) = key.and_then(|key| self.refund_keys.get(&(at, key))) {
            return (if *made == amount { 200 } else { 409 }, *after);
        }
        let payment = &mut self.payments[at];
        if payment.failed {
            return (409, 0);
        }
        if amount > payment.amount {
            return (400, 0);
        }
        if payment.refunded + amount > payment.amount {
            return (409, 0);
        }
        payment.refunded += amount;
        let after = payment.refunded;
        let made = key.map(|key| ((at, key), (amount, after)));
        self.refund_keys.extend(made);
        (200, after)
    }

    fn sums(&self) -> Value {
        let mut by_status: BTreeMap<&str, i64> = BTreeMap::new();
        for payment in &self.payments {
            *by_status.entry(payment.status()).or_default() += 1;
        }
        let paid = self.payments.iter().filter(|payment| !payment.failed);
        let paid: i64 = paid.map(|payment| payment.amount).sum();
        let refunded: i64 = self.payments.iter().map(|payment| payment.refunded).sum();
        json!([
            by_status,
            Money::cents(paid),
            Money::cents(refunded),
            Money::cents(paid - refunded)
        ])
    }
}

async fn send(shop: &Shop, path: &str, key: Option<u8>, body: Value) -> Answer {
    let token = shop.service_token();
    match key {
        None => shop.post(path, &token, body).await,
        Some(key) => {
            shop.post_once(path, &token, &format!("k-{key}"), body)
                .await
        }
    }
}

async fn step(shop: &Shop, model: &mut Model, request: &Request) {
    match *request {
        Request::Pay {
            order,
            user,
            cents,
            key,
        } => {
            let amount = Money::cents(cents);
            let body = json!({"orderId": order, "userId": user, "amount": amount});
            let answer = send(shop, PAY, key, body).await;
            let (status, at) = model.pay(order, user, cents, key);
            assert_eq!(answer.status, status, "{request:?}: {:?}", answer.body);
            if status == 201 {
                model.payments[at].id = answer.body["paymentId"].as_str().unwrap().to_owned();
            }
            if status != 409 {
                let payment = &model.payments[at];
                assert_eq!(answer.body["paymentId"], payment.id.as_str(), "{request:?}");
                assert_eq!(answer.body["status"], payment.status());
            }
        }
        Request::Refund { which, cents, key } => {
            if model.payments.is_empty() {
                return;
            }
            let at = which % model.payments.len();
            let id = model.payments[at].id.clone();
            let body = json!({"paymentId": id, "refundAmount": Money::cents(cents)});
            let answer = send(shop, &format!("{PAY}/{id}/refund"), key, body).await;
            let (status, back) = model.refund(at, cents, key);
            assert_eq!(answer.status, status, "{request:?}: {:?}", answer.body);
            if status == 200 {
                assert_eq!(answer.body["refundAmount"], json!(Money::cents(back)));
            }
        }
    }
}

async fn play(shop: &Shop, requests: &[Request]) {
    let mut model = Model::default();
    for request in requests {
        step(shop, &mut model, request).await;
        let sums = sums(shop).await;
        let figures = ["byStatus", "paidAmount", "refundedAmount", "netAmount"];
        let figures = figures.map(|field| sums[field].clone());
        assert_eq!(json!(figures), model.sums(), "after {request:?}");
    }
    for payment in &model.payments {
        let shown = super::payment(shop, &payment.id).await;
        assert!(payment.refunded <= payment.amount);
        assert_eq!(
            (&shown["status"], &shown["refundAmount"]),
            (
                &json!(payment.status()),
                &json!(Money::cents(payment.refunded))
            )
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn answers_and_sums_are_those_of_a_model(
        requests in prop::collection::vec(request(), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            play(&on_memory(ServiceName::Payment).await, &requests).await;
        });
    }
}

#[tokio::test]
async fn answers_and_sums_are_those_of_a_model_on_each_store() {
    let requests = prop::collection::vec(request(), 120..121);
    let drawn = requests.new_tree(&mut TestRunner::deterministic()).unwrap();
    let requests = drawn.current();
    on_each_store(ServiceName::Payment, async |shop| {
        play(&shop, &requests).await;
    })
    .await;
}
