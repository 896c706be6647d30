//! SQL of `inventory-service`.
//!
//! Rows are locked in one order, so that transactions cannot wait for each other in a ring:
//! reservations that end, then stock by number, then counters (reservation, movement, outbox).

pub(super) mod movements;
pub(super) mod products;
pub(super) mod reconciliation;
pub(super) mod reservations;
pub(super) mod stock;

/// A row says what this program does not know.
fn unreadable(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{column} cannot be {value:?}").into())
}
