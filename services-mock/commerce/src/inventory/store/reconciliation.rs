//! Whether stock is what its history says.

use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use crate::store::Store;

/// The stock of a product in all warehouses, beside what its history adds up to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Balance {
    pub(in super::super) sku: String,
    /// What lay there when the items were made.
    initial: i64,
    /// Sum of all adjustments.
    adjustments: i64,
    /// Sum of what reservations took away for good.
    confirmed: i64,
    total: i64,
    available: i64,
    reserved: i64,
    /// Sum of the active reservations.
    active_reservations: i64,
    /// initial + adjustments - confirmed = total, available + reserved = total, and
    /// activeReservations = reserved.
    pub(in super::super) consistent: bool,
}

/// Adds everything up in one statement, which sees one moment on either database.
pub(in super::super) async fn balances(store: &Store, limit: i64) -> sqlx::Result<Vec<Balance>> {
    let rows = sqlx::query(
        "SELECT s.sku AS sku, s.initial AS initial, s.total AS total, s.available AS available,
                s.reserved AS reserved, COALESCE(m.adjusted, 0) AS adjusted,
                COALESCE(m.confirmed, 0) AS confirmed, COALESCE(r.active, 0) AS active
         FROM (SELECT sku, CAST(SUM(initial) AS BIGINT) AS initial,
                      CAST(SUM(total) AS BIGINT) AS total,
                      CAST(SUM(available) AS BIGINT) AS available,
                      CAST(SUM(reserved) AS BIGINT) AS reserved
               FROM stock GROUP BY sku) s
         LEFT JOIN (SELECT sku,
                      CAST(SUM(CASE WHEN kind = 'ADJUSTMENT' THEN quantity ELSE 0 END) AS BIGINT)
                          AS adjusted,
                      CAST(SUM(CASE WHEN kind = 'OUTBOUND' THEN quantity ELSE 0 END) AS BIGINT)
                          AS confirmed
                    FROM movements GROUP BY sku) m ON m.sku = s.sku
         LEFT JOIN (SELECT sku, CAST(SUM(quantity) AS BIGINT) AS active
                    FROM reservations WHERE status = 'ACTIVE' GROUP BY sku) r ON r.sku = s.sku
         ORDER BY s.sku LIMIT $1",
    )
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> sqlx::Result<Balance> {
    let mut balance = Balance {
        sku: row.try_get("sku")?,
        initial: row.try_get("initial")?,
        adjustments: row.try_get("adjusted")?,
        confirmed: row.try_get("confirmed")?,
        total: row.try_get("total")?,
        available: row.try_get("available")?,
        reserved: row.try_get("reserved")?,
        active_reservations: row.try_get("active")?,
        consistent: false,
    };
    balance.consistent = balance.adds_up();
    Ok(balance)
}

impl Balance {
    fn adds_up(&self) -> bool {
        self.initial + self.adjustments - self.confirmed == self.total
            && self.available + self.reserved == self.total
            && self.active_reservations == self.reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance() -> Balance {
        Balance {
            sku: "A".into(),
            initial: 10,
            adjustments: -2,
            confirmed: 3,
            total: 5,
            available: 4,
            reserved: 1,
            active_reservations: 1,
            consistent: false,
        }
    }

    #[test]
    fn each_sum_must_hold() {
        assert!(balance().adds_up());
        for wrong in [
            Balance {
                confirmed: 2,
                ..balance()
            },
            Balance {
                available: 5,
                ..balance()
            },
            Balance {
                active_reservations: 0,
                ..balance()
            },
        ] {
            assert!(!wrong.adds_up(), "{wrong:?}");
        }
    }
}
