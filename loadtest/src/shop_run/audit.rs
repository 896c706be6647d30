//! Whether the shop's books agree with each other, with the stock, and with what its customers were
//! told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::journeys::{Cents, PlacedOrder, Report};
use crate::processes::ask::{Question, Refusal};

/// Longest wait for orders underway; the work of a killed instance is taken over within it.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Something that must be so, and whether it is.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What must be so.
    pub what: &'static str,
    /// The figures that it is about.
    pub figures: String,
    /// Whether it is so.
    pub holds: bool,
}

/// All checks, and the orders that are lost.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Orders in the shop's books.
    pub orders: u64,
    /// Orders in the books by status.
    pub by_status: BTreeMap<String, u64>,
    /// Identifiers of confirmed orders that the shop does not know, knows otherwise, or left
    /// unfinished.
    pub lost: Vec<String>,
    /// What must be so.
    pub checks: Vec<Check>,
}

impl Trial {
    /// Whether nothing is lost and everything agrees.
    pub fn passes(&self) -> bool {
        self.lost.is_empty() && self.checks.iter().all(|check| check.holds)
    }
}

/// `/api/orders/reconciliation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderBook {
    by_status: BTreeMap<String, StatusSum>,
    orders: u64,
    unfinished: u64,
    paid_amount: Cents,
    refunded_amount: Cents,
    sold_items: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusSum {
    orders: u64,
    total_amount: Cents,
}

/// `/api/payments/reconciliation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentBook {
    paid_amount: Cents,
    refunded_amount: Cents,
    duplicate_orders: u64,
    consistent: bool,
}

/// `/api/inventory/reconciliation`.
#[derive(Clone, Debug, Default, Deserialize)]
struct StockBook {
    consistent: bool,
    products: Vec<Stock>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Stock {
    confirmed: i64,
    adjustments: i64,
    available: i64,
    reserved: i64,
}

/// An order as its books tell it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Booked {
    status: String,
    total_amount: Cents,
}

#[derive(Clone, Debug, Default)]
struct Books {
    orders: OrderBook,
    payments: PaymentBook,
    stock: StockBook,
}

/// Asks through the proxy, as the administrator whose token it is.
#[derive(Debug)]
pub(crate) struct Auditor<'a> {
    pub(crate) shop: SocketAddr,
    pub(crate) token: &'a str,
}

impl Auditor<'_> {
    /// Waits until the shop has finished what it was doing, and looks at everything.
    ///
    /// # Errors
    /// When the shop does not answer.
    pub(crate) async fn audit(&self, report: &Report) -> Result<Trial> {
        self.wait_for_orders().await?;
        let books = Books {
            orders: self.look("/api/orders/reconciliation").await?,
            payments: self.look("/api/payments/reconciliation").await?,
            stock: self.look("/api/inventory/reconciliation").await?,
        };
        let mut lost = Vec::new();
        for order in &report.placed {
            if !self.is_booked(order).await? {
                lost.push(order.id.clone());
            }
        }
        let status = |(name, sum): (&String, &StatusSum)| (name.clone(), sum.orders);
        Ok(Trial {
            orders: books.orders.orders,
            by_status: books.orders.by_status.iter().map(status).collect(),
            checks: books.checks(report.orders.placed, report.orders.unknown),
            lost,
        })
    }

    async fn wait_for_orders(&self) -> Result<()> {
        let deadline = Instant::now() + SETTLES_WITHIN;
        loop {
            let book: OrderBook = self.look("/api/orders/reconciliation").await?;
            if book.unfinished == 0 || Instant::now() > deadline {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the shop knows a confirmed order, at the price that was confirmed, and has done with
    /// it what is to be done.
    async fn is_booked(&self, order: &PlacedOrder) -> Result<bool> {
        let path = format!("/api/orders/{}", order.id);
        let booked: Booked = match self.look(&path).await {
            Ok(booked) => booked,
            Err(error) => {
                return match error.downcast_ref::<Refusal>() {
                    Some(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(false),
                    _ => Err(error),
                };
            }
        };
        Ok(booked.total_amount == order.total && is_final(&booked.status))
    }

    async fn look<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        Question::new(self.shop, "GET", path)
            .by(self.token)
            .json()
            .await
    }
}

fn is_final(status: &str) -> bool {
    let all = [
        "PROCESSING",
        "SHIPPED",
        "DELIVERED",
        "CANCELLED",
        "REFUNDED",
    ];
    all.contains(&status)
}

impl Books {
    fn checks(&self, placed: u64, unknown: u64) -> Vec<Check> {
        vec![
            self.orders_are_finished(),
            self.orders_are_those_confirmed(placed, unknown),
            self.stock_adds_up(),
            self.nothing_is_held_back(),
            self.sold_is_gone(),
            self.paid_is_owed(),
            self.goods_are_paid(),
            self.refunds_agree(),
            self.nobody_paid_twice(),
        ]
    }

    fn orders_are_finished(&self) -> Check {
        let unfinished = self.orders.unfinished;
        Check {
            what: "every order is finished",
            figures: format!("{unfinished} unfinished"),
            holds: unfinished == 0,
        }
    }

    /// A check-out whose answer was lost may have become an order.
    fn orders_are_those_confirmed(&self, placed: u64, unknown: u64) -> Check {
        let orders = self.orders.orders;
        Check {
            what: "the books hold the orders confirmed",
            figures: format!("{orders} in the books, {placed} confirmed, {unknown} unknown"),
            holds: (placed..=placed + unknown).contains(&orders),
        }
    }

    fn stock_adds_up(&self) -> Check {
        let products = self.stock.products.len();
        let negative = |stock: &&Stock| stock.available < 0 || stock.reserved < 0;
        let oversold = self.stock.products.iter().filter(negative).count();
        Check {
            what: "stock is what its history says",
            figures: format!("{products} products, {oversold} oversold"),
            holds: self.stock.consistent && products > 0 && oversold == 0,
        }
    }

    fn nothing_is_held_back(&self) -> Check {
        let reserved: i64 = self.stock.products.iter().map(|stock| stock.reserved).sum();
        Check {
            what: "no piece is reserved for a finished order",
            figures: format!("{reserved} reserved"),
            holds: reserved == 0,
        }
    }

    fn sold_is_gone(&self) -> Check {
        let sum = |of: fn(&Stock) -> i64| self.stock.products.iter().map(of).sum::<i64>();
        let (gone, back) = (sum(|s| s.confirmed), sum(|s| s.adjustments));
        let sold = self.orders.sold_items;
        Check {
            what: "pieces gone are pieces sold",
            figures: format!("{gone} gone, {back} back, {sold} sold"),
            holds: gone - back == sold,
        }
    }

    fn paid_is_owed(&self) -> Check {
        let owed = sum([self.orders.paid_amount, self.orders.refunded_amount]);
        let paid = self.payments.paid_amount;
        Check {
            what: "money taken is money owed",
            figures: format!("{paid} taken, {owed} owed"),
            holds: paid == owed,
        }
    }

    fn goods_are_paid(&self) -> Check {
        let with_goods = ["PROCESSING", "SHIPPED", "DELIVERED"];
        let of = |status: &str| {
            self.orders
                .by_status
                .get(status)
                .map(|sum| sum.total_amount)
        };
        let goods = sum(with_goods.into_iter().filter_map(of));
        let paid = self.orders.paid_amount;
        Check {
            what: "what is sent is paid, what is paid is sent",
            figures: format!("{goods} sent, {paid} paid"),
            holds: goods == paid,
        }
    }

    fn refunds_agree(&self) -> Check {
        let (owed, back) = (self.orders.refunded_amount, self.payments.refunded_amount);
        Check {
            what: "money given back is money owed back",
            figures: format!("{back} given, {owed} owed"),
            holds: back == owed,
        }
    }

    fn nobody_paid_twice(&self) -> Check {
        let twice = self.payments.duplicate_orders;
        Check {
            what: "no order is paid twice",
            figures: format!("{twice} paid twice"),
            holds: twice == 0 && self.payments.consistent,
        }
    }
}

fn sum(amounts: impl IntoIterator<Item = Cents>) -> Cents {
    amounts.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Break = fn(&mut Books);

    /// Two orders sent, one refunded after its pieces had gone.
    fn books() -> Books {
        let sum = |orders, cents| StatusSum {
            orders,
            total_amount: Cents(cents),
        };
        let by_status = [("PROCESSING", sum(2, 500)), ("REFUNDED", sum(1, 70))];
        Books {
            orders: OrderBook {
                by_status: by_status.map(|(name, sum)| (name.to_owned(), sum)).into(),
                orders: 3,
                unfinished: 0,
                paid_amount: Cents(500),
                refunded_amount: Cents(70),
                sold_items: 4,
            },
            payments: PaymentBook {
                paid_amount: Cents(570),
                refunded_amount: Cents(70),
                duplicate_orders: 0,
                consistent: true,
            },
            stock: StockBook {
                consistent: true,
                products: vec![Stock {
                    confirmed: 5,
                    adjustments: 1,
                    available: 9,
                    reserved: 0,
                }],
            },
        }
    }

    fn broken(books: &Books, placed: u64) -> Vec<&'static str> {
        let checks = books.checks(placed, 0);
        let broken = checks.iter().filter(|check| !check.holds);
        broken.map(|check| check.what).collect()
    }

    #[test]
    fn books_that_agree_pass() {
        assert_eq!(broken(&books(), 3), [""; 0]);
        assert!(books().checks(2, 1).iter().all(|check| check.holds));
    }

    #[test]
    fn each_disagreement_is_found() {
        let breaking: [(Break, &str); 8] = [
            (|b| b.orders.unfinished = 1, "every order is finished"),
            (
                |b| b.stock.consistent = false,
                "stock is what its history says",
            ),
            (
                |b| b.stock.products[0].available = -1,
                "stock is what its history says",
            ),
            (
                |b| b.stock.products[0].reserved = 1,
                "no piece is reserved for a finished order",
            ),
            (
                |b| b.stock.products[0].confirmed = 6,
                "pieces gone are pieces sold",
            ),
            (
                |b| b.payments.paid_amount = Cents(571),
                "money taken is money owed",
            ),
            (
                |b| b.payments.refunded_amount = Cents(0),
                "money given back is money owed back",
            ),
            (
                |b| b.payments.duplicate_orders = 1,
                "no order is paid twice",
            ),
        ];
        for (break_it, what) in breaking {
            let mut books = books();
            break_it(&mut books);
            assert_eq!(broken(&books, 3), [what]);
        }
        for placed in [2, 4] {
            assert_eq!(
                broken(&books(), placed),
                ["the books hold the orders confirmed"]
            );
        }
    }

    #[test]
    fn goods_that_nobody_paid_for_are_found() {
        let mut books = books();
        books
            .orders
            .by_status
            .get_mut("PROCESSING")
            .unwrap()
            .total_amount = Cents(501);
        assert_eq!(
            broken(&books, 3),
            ["what is sent is paid, what is paid is sent"]
        );
    }
}
