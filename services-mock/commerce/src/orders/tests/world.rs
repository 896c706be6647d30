//! Inventory, payments and carts in memory, behind the fake gateway, with a fault for each call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use http::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::testing::{FakeGateway, START_MS, Script, Seen};

/// Pieces of each product at first.
const PLENTY: i64 = 100;
const RESERVATION_MS: i64 = 30 * 60_000;
/// How late a call arrives whose sender has long given up.
const LATE_MS: i64 = 20_000;

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// The service says no: out of stock, no money, expired.
    Refuse,
    /// Somebody on the way says no.
    Forbid,
    /// The connection breaks before the effect.
    BreakBefore,
    /// The connection breaks after the effect.
    BreakAfter,
    /// 503 without effect.
    BusyBefore,
    /// 503 with effect.
    BusyAfter,
    /// No answer, no effect.
    HangBefore,
    /// No answer, and the effect is there.
    HangAfter,
    /// 504, and the effect comes later.
    Late,
    /// The worker dies before the effect.
    CrashBefore,
    /// The worker dies after the effect.
    CrashAfter,
}

impl Fault {
    pub(super) const ALL: [Fault; 12] = [
        Fault::None,
        Fault::Refuse,
        Fault::Forbid,
        Fault::BreakBefore,
        Fault::BreakAfter,
        Fault::BusyBefore,
        Fault::BusyAfter,
        Fault::HangBefore,
        Fault::HangAfter,
        Fault::Late,
        Fault::CrashBefore,
        Fault::CrashAfter,
    ];
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reservation {
    pub(super) quantity: i64,
    pub(super) status: &'static str,
    expires_ms: i64,
    /// Made by a call that arrived late: nobody knows of it, and it can only expire.
    pub(super) stray: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) status: &'static str,
    pub(super) amount: Value,
    /// Times that money was taken.
    pub(super) charges: u32,
    /// Times that money was given back.
    pub(super) refunds: u32,
}

/// The other services.
#[derive(Debug, Default)]
pub(super) struct World {
    clock: Option<Clock>,
    /// Pieces of each product at first.
    pub(super) initial: i64,
    /// By product: pieces for sale.
    pub(super) shelf: BTreeMap<String, i64>,
    /// In cents; 500 where none is set.
    pub(super) prices: BTreeMap<String, i64>,
    pub(super) reservations: BTreeMap<(i64, String), Reservation>,
    pub(super) payments: BTreeMap<i64, Payment>,
    /// References of adjustments, with product and pieces.
    pub(super) returns: BTreeMap<String, (String, i64)>,
    pub(super) cart: Vec<(String, i64)>,
    pub(super) carts_cleared: BTreeSet<String>,
    /// For the next calls of the saga.
    pub(super) faults: VecDeque<Fault>,
    late: Vec<(i64, Seen)>,
    /// When the late call that is served arrived.
    late_ms: Option<i64>,
}

/// The world and the gateway that leads there.
pub(super) struct Shared {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) gateway: FakeGateway,
    /// Told when the worker in the call is to die.
    pub(super) crash: Arc<Notify>,
}

impl Shared {
    /// Plenty of A, B and C, and one of A and two of B in every cart.
    pub(super) async fn start() -> Shared {
        let gateway = FakeGateway::start().await;
        let world = Arc::new(Mutex::new(World::default()));
        let crash = Arc::new(Notify::new());
        for method in [Method::GET, Method::POST] {
            let (world, crash) = (Arc::clone(&world), Arc::clone(&crash));
            let rule = move |seen: &Seen| world.lock().unwrap().answer(seen, &crash);
            gateway.on(method, "/api/", rule);
        }
        let shared = Shared {
            world,
            gateway,
            crash,
        };
        shared.reset();
        shared
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// As at the start.
    pub(super) fn reset(&self) {
        *self.world() = World {
            cart: vec![("A".into(), 1), ("B".into(), 2)],
            ..World::default()
        };
        self.world().fill(PLENTY);
        self.gateway.forget();
    }

    /// Expiry and lateness go by this clock.
    pub(super) fn follow(&self, clock: &Clock) {
        self.world().clock = Some(clock.clone());
    }
}

impl World {
    /// So many pieces of each product.
    pub(super) fn fill(&mut self, pieces: i64) {
        self.initial = pieces;
        self.shelf = ["A", "B", "C"].map(|sku| (sku.to_owned(), pieces)).into();
    }

    fn now_ms(&self) -> i64 {
        let clock_ms = self.clock.as_ref().map_or(START_MS, Clock::now_ms);
        self.late_ms.unwrap_or(clock_ms)
    }

    fn answer(&mut self, seen: &Seen, crash: &Notify) -> Script {
        self.tick();
        let placing = seen.method == Method::GET && !seen.path.starts_with("/api/payments");
        if placing || seen.path.starts_with("/api/notifications") {
            return self.serve(seen);
        }
        match self.faults.pop_front().unwrap_or(Fault::None) {
            Fault::None => self.serve(seen),
            Fault::Refuse => self.refuse(seen),
            Fault::Forbid => Script::Json(403, json!({"message": "no way through"})),
            Fault::BreakBefore => Script::Break,
            Fault::BusyBefore => Script::Json(503, json!({})),
            Fault::HangBefore => Script::Hang,
            Fault::BreakAfter => self.serve_but(seen, Script::Break),
            Fault::BusyAfter => self.serve_but(seen, Script::Json(503, json!({}))),
            Fault::HangAfter => self.serve_but(seen, Script::Hang),
            Fault::Late => {
                self.late.push((self.now_ms() + LATE_MS, seen.clone()));
                Script::Json(504, json!({}))
            }
            Fault::CrashBefore => {
                crash.notify_one();
                Script::Hang
            }
            Fault::CrashAfter => {
                crash.notify_one();
                self.serve_but(seen, Script::Hang)
            }
        }
    }

    fn serve_but(&mut self, seen: &Seen, answer: Script) -> Script {
        self.serve(seen);
        answer
    }

    /// What time does: late calls arrive, reservations expire.
    pub(super) fn tick(&mut self) {
        let now_ms = self.now_ms();
        let late = std::mem::take(&mut self.late);
        let (arrived, on_the_way) = late.into_iter().partition(|(due_ms, _)| *due_ms <= now_ms);
        self.late = on_the_way;
        let arrived: Vec<(i64, Seen)> = arrived;
        for (arrived_ms, seen) in arrived {
            self.late_ms = Some(arrived_ms);
            self.serve(&seen);
        }
        self.late_ms = None;
        self.end(|_, reservation| reservation.expires_ms <= now_ms, "EXPIRED");
    }

    /// Ends active reservations; what is not sold is for sale again.
    fn end(&mut self, which: impl Fn(i64, &Reservation) -> bool, status: &'static str) {
        for ((order, sku), reservation) in &mut self.reservations {
            if reservation.status == "ACTIVE" && which(*order, reservation) {
                reservation.status = status;
                if status != "CONFIRMED" {
                    *self.shelf.get_mut(sku).unwrap() += reservation.quantity;
                }
            }
        }
    }

    fn serve(&mut self, seen: &Seen) -> Script {
        let path = seen.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
        let number = |text: &str| text.parse().unwrap();
        let (status, body) = match (seen.method.as_str(), &*parts) {
            ("GET", ["cart"]) => (200, self.show_cart()),
            ("GET", ["inventory", "products", sku]) => self.show_product(sku),
            ("POST", ["inventory", "reserve"]) => self.reserve(&seen.body),
            ("POST", ["inventory", "release", "order", id]) => self.release(number(id)),
            ("POST", ["inventory", "confirm", "order", id]) => self.confirm(number(id)),
            ("POST", ["inventory", "adjust"]) => self.adjust(&seen.body),
            ("POST", ["payments", "process"]) => self.pay(seen, "COMPLETED"),
            ("GET", ["payments", "order", id]) => self.show_payment(number(id)),
            ("GET", ["payments", id]) => self.show_payment(number(&id["PAY-".len()..])),
            ("POST", ["payments", id, "refund"]) => self.refund(number(&id["PAY-".len()..])),
            ("POST", ["cart", _, "convert-to-order"]) => {
                self.carts_cleared.insert(seen.path.clone());
                (200, json!({}))
            }
            _ => (404, json!({"message": "no such path"})),
        };
        Script::Json(status, body)
    }

    fn refuse(&mut self, seen: &Seen) -> Script {
        let no = |status| Script::Json(status, json!({"message": "no"}));
        if seen.path.starts_with("/api/inventory/confirm/order/") {
            let order: i64 = seen.path.rsplit('/').next().unwrap().parse().unwrap();
            self.end(|of, _| of == order, "EXPIRED");
            return self.serve(seen);
        }
        if seen.path == "/api/payments/process" {
            let (status, body) = self.pay(seen, "FAILED");
            return Script::Json(status, body);
        }
        match seen.path.as_str() {
            "/api/inventory/reserve" => no(409),
            path if path.starts_with("/api/cart") => no(404),
            _ => no(400),
        }
    }

    fn show_cart(&self) -> Value {
        let items = self.cart.iter().map(|(sku, quantity)| {
            json!({"productId": sku, "productName": sku, "price": 0.01, "quantity": quantity})
        });
        json!({"items": items.collect::<Vec<_>>(), "status": "ACTIVE"})
    }

    fn show_product(&self, sku: &str) -> (u16, Value) {
        if !self.shelf.contains_key(sku) {
            return (404, json!({"message": "no such product"}));
        }
        let cents = self.prices.get(sku).copied().unwrap_or(500);
        let price = crate::money::Money::cents(cents);
        (200, json!({"sku": sku, "price": price, "status": "ACTIVE"}))
    }

    fn reserve(&mut self, body: &Value) -> (u16, Value) {
        let sku = body["productSku"].as_str().unwrap().to_owned();
        let order = body["orderId"].as_i64().unwrap();
        let quantity = body["quantity"].as_i64().unwrap();
        if let Some(held) = self.reservations.get(&(order, sku.clone())) {
            return (200, json!({"status": held.status}));
        }
        let shelf = self.shelf.get_mut(&sku).unwrap();
        if *shelf < quantity {
            return (409, json!({"message": "not enough"}));
        }
        *shelf -= quantity;
        let reservation = Reservation {
            quantity,
            status: "ACTIVE",
            expires_ms: self.now_ms() + RESERVATION_MS,
            stray: self.late_ms.is_some(),
        };
        self.reservations.insert((order, sku), reservation);
        (201, json!({"status": "ACTIVE"}))
    }

    fn of_order(&self, order: i64) -> Vec<&Reservation> {
        let all = self.reservations.iter();
        let own = all.filter(|((of, _), _)| *of == order);
        own.map(|(_, reservation)| reservation).collect()
    }

    fn release(&mut self, order: i64) -> (u16, Value) {
        if self.of_order(order).is_empty() {
            return (404, json!({"message": "nothing reserved"}));
        }
        self.end(|of, _| of == order, "RELEASED");
        (200, json!({}))
    }

    /// All or none.
    fn confirm(&mut self, order: i64) -> (u16, Value) {
        let own = self.of_order(order);
        let good = |r: &&Reservation| matches!(r.status, "ACTIVE" | "CONFIRMED");
        if own.is_empty() || !own.iter().all(good) {
            return (409, json!({"message": "expired"}));
        }
        self.end(|of, _| of == order, "CONFIRMED");
        (200, json!({}))
    }

    fn adjust(&mut self, body: &Value) -> (u16, Value) {
        let reference = body["reference"].as_str().unwrap().to_owned();
        let sku = body["productSku"].as_str().unwrap().to_owned();
        let quantity = body["quantityAdjustment"].as_i64().unwrap();
        if self
            .returns
            .insert(reference, (sku.clone(), quantity))
            .is_none()
        {
            *self.shelf.get_mut(&sku).unwrap() += quantity;
        }
        (200, json!({}))
    }

    fn pay(&mut self, seen: &Seen, outcome: &'static str) -> (u16, Value) {
        let order = seen.body["orderId"].as_i64().unwrap();
        assert_eq!(seen.headers["idempotency-key"], format!("order-{order}"));
        let payment = self.payments.entry(order).or_insert_with(|| Payment {
            status: outcome,
            amount: seen.body["amount"].clone(),
            charges: u32::from(outcome == "COMPLETED"),
            refunds: 0,
        });
        assert_eq!(payment.amount, seen.body["amount"]);
        (201, self.show_payment(order).1)
    }

    fn show_payment(&self, order: i64) -> (u16, Value) {
        match self.payments.get(&order) {
            None => (404, json!({"message": "no payment"})),
            Some(payment) => {
                let id = format!("PAY-{order}");
                (200, json!({"paymentId": id, "status": payment.status}))
            }
        }
    }

    fn refund(&mut self, order: i64) -> (u16, Value) {
        let payment = self.payments.get_mut(&order).unwrap();
        if payment.status == "COMPLETED" {
            payment.status = "REFUNDED";
            payment.refunds += 1;
        }
        self.show_payment(order)
    }
}
