//! Whatever calls meet and whenever workers die: in the end goods and money are where they belong.

use proptest::prelude::*;

use super::world::{Fault, Shared, World};
use super::*;
use crate::orders::rules::OrderStatus;
use crate::settings::ServiceName;
use crate::testing::{StoreKind, shop_behind};

/// Calls of one order that goes well, with two lines: reserve twice, pay, confirm, clear the cart.
const CALLS: usize = 5;

/// Calls hang often here; one that is given up too early is one more unknown outcome.
const QUICK: Pace = Pace {
    call: Duration::from_millis(80),
    ..Pace::USUAL
};

#[derive(Clone, Debug)]
enum Event {
    /// A customer orders so many of A, B and C.
    Place(Vec<i64>),
    /// One of the two instances works, or both at once.
    Work(usize),
    Cancel(usize),
    Ship(usize),
    /// Seconds.
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => prop::collection::vec(0..6_i64, 3).prop_map(Event::Place),
        6 => (0..3_usize).prop_map(Event::Work),
        2 => (0..4_usize).prop_map(Event::Cancel),
        1 => (0..4_usize).prop_map(Event::Ship),
        4 => prop_oneof![Just(1_i64), Just(11), Just(61)].prop_map(Event::Wait),
        1 => prop_oneof![Just(599_i64), Just(1900)].prop_map(Event::Wait),
    ]
}

/// Faults of consecutive calls. Pairs are likely in which the first call had its effect and the
/// second says no, which must not be believed.
fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let done = [
        Fault::BreakAfter,
        Fault::BusyAfter,
        Fault::HangAfter,
        Fault::CrashAfter,
        Fault::Late,
    ];
    let no = [Fault::Refuse, Fault::Forbid, Fault::BusyBefore];
    let pair = (
        prop::sample::select(done.to_vec()),
        prop::sample::select(no.to_vec()),
    );
    let few = prop_oneof![
        3 => Just(vec![Fault::None]),
        2 => prop::sample::select(Fault::ALL.to_vec()).prop_map(|fault| vec![fault]),
        2 => pair.prop_map(|(first, second)| vec![first, second]),
    ];
    prop::collection::vec(few, 0..24).prop_map(|groups| groups.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn goods_and_money_are_where_they_belong(
        events in prop::collection::vec(event(), 4..24),
        faults in faults(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let shared = Shared::start().await;
            let shop = shop_behind(ServiceName::Order, &shared.gateway).await;
            shared.follow(shop.clock());
            shared.world().faults = faults.into();
            shared.world().fill(8);
            play(&shared, &shop, &events).await;
        });
    }
}

/// Each kind of fault at each call in turn, and another at what comes after, on each store.
#[tokio::test]
async fn any_fault_at_any_call_and_another_after_it_leaves_nothing_behind() {
    let shared = Shared::start().await;
    for kind in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres] {
        let url = shared.gateway.url();
        let behind = |settings: &mut crate::Settings| settings.gateway_url = Some(url);
        let shop = Shop::start(kind, ServiceName::Order, behind).await;
        shared.follow(shop.clock());
        for at in 0..CALLS {
            for (number, first) in Fault::ALL.into_iter().enumerate() {
                let second = Fault::ALL[(number + 3 * at) % Fault::ALL.len()];
                println!("{kind:?}: call {at} meets {first:?}, then {second:?}");
                let faults = [vec![Fault::None; at], vec![first, second]].concat();
                shared.world().faults = faults.into();
                let events = [
                    Event::Place(vec![1, 1, 0]),
                    Event::Work(0),
                    Event::Wait(11),
                    Event::Work(1),
                    Event::Cancel(0),
                    Event::Wait(11),
                    Event::Work(0),
                ];
                play_on(&shared, &shop, &events).await;
            }
        }
        audit(&shared, &shop).await;
        shared.reset();
    }
}

async fn play(shared: &Shared, shop: &Shop, events: &[Event]) {
    play_on(shared, shop, events).await;
    audit(shared, shop).await;
}

async fn play_on(shared: &Shared, shop: &Shop, events: &[Event]) {
    let other = shop.another().await;
    let workers = [shop, &other];
    for event in events {
        happen(shared, workers, event).await;
    }
    shared.world().faults.clear();
    settle(shared, workers).await;
}

async fn happen(shared: &Shared, workers: [&Shop; 2], event: &Event) {
    let shop = workers[0];
    match event {
        Event::Place(quantities) => {
            let wanted = ["A", "B", "C"]
                .map(String::from)
                .into_iter()
                .zip(quantities.clone());
            shared.world().cart = wanted.filter(|(_, quantity)| *quantity > 0).collect();
            let answer = shop.post("/api/orders", &shop.user_token(7), wish()).await;
            let empty = quantities.iter().all(|&quantity| quantity == 0);
            assert_eq!(
                answer.status,
                if empty { 400 } else { 201 },
                "{:?}",
                answer.body
            );
        }
        Event::Work(2) => {
            tokio::join!(work(shared, workers[0]), work(shared, workers[1]));
        }
        Event::Work(worker) => work(shared, workers[*worker]).await,
        Event::Cancel(which) => {
            let answer = cancel(shop, chosen(shop, *which).await, 7).await;
            assert!(
                [200, 400, 404].contains(&answer.status),
                "{:?}",
                answer.body
            );
        }
        Event::Ship(which) => {
            let answer = put_status(shop, chosen(shop, *which).await, "SHIPPED").await;
            assert!(
                [200, 400, 404].contains(&answer.status),
                "{:?}",
                answer.body
            );
        }
        Event::Wait(seconds) => {
            shop.clock().advance_ms(seconds * 1000);
            shared.world().tick();
        }
    }
}

/// One of the orders, the latest when there are fewer; 0 when there is none.
async fn chosen(shop: &Shop, which: usize) -> i64 {
    let orders = orders(shop).await;
    let order = orders.iter().rev().nth(which).or(orders.first());
    order.map_or(0, |order| order["id"].as_i64().unwrap())
}

/// The latest first.
async fn orders(shop: &Shop) -> Vec<Value> {
    let all = shop.get("/api/orders/user", &shop.user_token(7)).await;
    all.body.as_array().unwrap().clone()
}

/// Works as long as anything is due, or until a call kills the worker: what it holds it keeps.
async fn work(shared: &Shared, worker: &Shop) {
    let working = async { while run_once(worker.state(), &QUICK).await.unwrap() {} };
    tokio::select! {
        () = working => {}
        () = shared.crash.notified() => {}
    }
}

/// Nothing goes wrong any more: everything comes to an end, and what was held too long is free.
async fn settle(shared: &Shared, workers: [&Shop; 2]) {
    for worker in workers {
        run_to_the_end(worker).await;
    }
    shared.world().tick();
    for (line, held) in &shared.world().reservations {
        assert!(
            held.stray || held.status != "ACTIVE",
            "not given back: {line:?} {held:?}"
        );
    }
    workers[0].clock().advance_ms(31 * 60_000);
    shared.world().tick();
}

async fn audit(shared: &Shared, shop: &Shop) {
    let orders = orders_in_store(shop).await;
    check_all(&shared.world(), &orders);
    let sold = |order: &&Value| matches!(order["status"].as_str(), Some("PROCESSING" | "SHIPPED"));
    let paid = orders.iter().filter(sold);
    let paid_cents: i64 = paid.map(|order| cents(&order["totalAmount"])).sum();
    let path = "/api/orders/reconciliation";
    let sums = shop.get(path, &shop.admin_token()).await.body;
    assert_eq!(sums["unfinished"], 0, "{sums}");
    assert_eq!(cents(&sums["paidAmount"]), paid_cents, "{sums}");
}

fn check_all(world: &World, orders: &[Value]) {
    for order in orders {
        check_order(world, order);
        check_path(order);
    }
    check_stock(world);
}

fn cents(amount: &Value) -> i64 {
    let money: crate::money::Money = serde_json::from_value(amount.clone()).unwrap();
    money.to_cents()
}

/// All orders with their histories.
async fn orders_in_store(shop: &Shop) -> Vec<Value> {
    let mut all = Vec::new();
    for id in 1.. {
        let mut found = order(shop, id).await;
        if found["id"].is_null() {
            break;
        }
        found["history"] = json!(statuses(shop, id).await);
        all.push(found);
    }
    all
}

/// Every status followed from the one before.
fn check_path(order: &Value) {
    let history = order["history"].as_array().unwrap();
    let names = history.iter().map(|name| name.as_str().unwrap());
    let path: Vec<_> = names
        .map(|name| OrderStatus::from_name(name).unwrap())
        .collect();
    assert_eq!(path[0], OrderStatus::Pending);
    for pair in path.windows(2) {
        assert!(pair[0].may_become(pair[1]), "{path:?}");
    }
    assert_eq!(Some(path[path.len() - 1].name()), order["status"].as_str());
}

fn check_order(world: &World, order: &Value) {
    let id = order["id"].as_i64().unwrap();
    let payment = world.payments.get(&id);
    let charged = payment.map_or(0, |payment| payment.charges);
    let refunded = payment.map_or(0, |payment| payment.refunds);
    assert!(charged <= 1, "paid twice: {order}");
    for item in order["items"].as_array().unwrap() {
        let sku = item["productId"].as_str().unwrap();
        let line = item["id"].as_i64().unwrap();
        let held = world.reservations.get(&(id, sku.to_owned()));
        let sold = held.is_some_and(|held| held.status == "CONFIRMED");
        let back = world
            .returns
            .contains_key(&format!("order-{id}-line-{line}"));
        match order["status"].as_str().unwrap() {
            "PROCESSING" | "SHIPPED" => {
                assert!(sold && !back, "paid without goods: {order} {held:?}");
                assert_eq!(Some(held.unwrap().quantity), item["quantity"].as_i64());
                assert_eq!(
                    (charged, refunded),
                    (1, 0),
                    "goods without payment: {order}"
                );
                assert_eq!(payment.unwrap().amount, order["totalAmount"]);
            }
            "REFUNDED" => {
                assert_eq!((charged, refunded), (1, 1), "money is not back: {order}");
                assert_eq!(sold, back, "refunded goods are not back: {order} {held:?}");
            }
            "CANCELLED" => {
                assert_eq!(charged, 0, "cancelled and paid: {order}");
                assert!(!sold && !back, "cancelled holds stock: {order} {held:?}");
            }
            other => panic!("{other} is no end: {order}"),
        }
    }
}

/// Every piece is on the shelf or sold; none is held.
fn check_stock(world: &World) {
    for (sku, &on_shelf) in &world.shelf {
        let own = world.reservations.iter().filter(|((_, of), _)| of == sku);
        let mut sold = 0;
        for (line, held) in own {
            assert_ne!(held.status, "ACTIVE", "reserved for ever: {line:?}");
            sold += if held.status == "CONFIRMED" {
                held.quantity
            } else {
                0
            };
        }
        let back = world.returns.values().filter(|(of, _)| of == sku);
        let back: i64 = back.map(|(_, quantity)| quantity).sum();
        assert!(on_shelf >= 0, "{sku} sold twice");
        assert_eq!(
            on_shelf + sold - back,
            world.initial,
            "{sku} does not add up"
        );
    }
}
