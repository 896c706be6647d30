//! All payments added up.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::rules::{Currency, PaymentStatus};
use crate::money::Money;
use crate::named::known;
use crate::store::Store;

/// Payments that have status and currency in common, added up.
#[derive(Clone, Debug)]
pub(in super::super) struct Sum {
    pub(in super::super) status: PaymentStatus,
    pub(in super::super) currency: Currency,
    pub(in super::super) payments: i64,
    /// Ever taken; of what failed nothing is.
    pub(in super::super) paid: Money,
    /// Given back, as the payments say.
    pub(in super::super) refunded: Money,
    /// Given back, as the refunds say.
    pub(in super::super) refunds: Money,
}

/// The sums, and how many orders are paid more than once.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Sums {
    pub(in super::super) sums: Vec<Sum>,
    pub(in super::super) orders_paid_twice: i64,
}

/// Adds everything up in one statement, which sees one moment on either database.
pub(in super::super) async fn sums(store: &Store) -> sqlx::Result<Sums> {
    let rows = sqlx::query(
        "SELECT p.status AS status, p.currency AS currency, COUNT(*) AS payments,
                CAST(SUM(CASE WHEN p.status IN ('COMPLETED', 'REFUNDED')
                              THEN p.amount_cents ELSE 0 END) AS BIGINT) AS paid,
                CAST(SUM(p.refunded_cents) AS BIGINT) AS refunded,
                CAST(SUM(COALESCE(r.amount, 0)) AS BIGINT) AS refunds,
                (SELECT COUNT(*) FROM (
                     SELECT order_id FROM payments
                     WHERE order_id IS NOT NULL AND status IN ('COMPLETED', 'REFUNDED')
                     GROUP BY order_id HAVING COUNT(*) > 1) twice) AS twice
         FROM payments p
         LEFT JOIN (SELECT payment, CAST(SUM(amount_cents) AS BIGINT) AS amount
                    FROM refunds GROUP BY payment) r ON r.payment = p.id
         GROUP BY p.status, p.currency",
    )
    .fetch_all(store.pool())
    .await?;
    let mut sums = Sums::default();
    for row in &rows {
        sums.orders_paid_twice = row.try_get("twice")?;
        sums.sums.push(sum_from_row(row)?);
    }
    Ok(sums)
}

fn sum_from_row(row: &AnyRow) -> sqlx::Result<Sum> {
    let text = |column| row.try_get::<String, _>(column);
    let money = |column| row.try_get(column).map(Money::cents);
    Ok(Sum {
        status: known(&text("status")?, PaymentStatus::from_name)?,
        currency: known(&text("currency")?, Currency::from_name)?,
        payments: row.try_get("payments")?,
        paid: money("paid")?,
        refunded: money("refunded")?,
        refunds: money("refunds")?,
    })
}
