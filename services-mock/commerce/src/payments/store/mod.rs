//! SQL of `payment-service`.

pub(super) mod deliveries;
pub(super) mod attempts;
pub(super) mod keys;
pub(super) mod payments;
pub(super) mod reconciliation;
pub(super) mod refunds;
pub(super) mod subscriptions;

/// What this program cannot read it must not act upon.
fn known<T>(name: &str, from_name: fn(&str) -> Option<T>) -> sqlx::Result<T> {
    let unknown = || sqlx::Error::Decode(format!("unknown name {name:?}").into());
    from_name(name).ok_or_else(unknown)
}
