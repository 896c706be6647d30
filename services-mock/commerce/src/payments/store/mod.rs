//! SQL of `payment-service`.

pub(super) mod deliveries;
pub(super) mod attempts;
pub(super) mod keys;
pub(super) mod payments;
pub(super) mod reconciliation;
pub(super) mod refunds;
pub(super) mod subscriptions;
