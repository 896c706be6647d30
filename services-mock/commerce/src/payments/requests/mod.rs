//! What requests must look like, and what they mean.

mod paging;
mod payments;
mod webhooks;

pub(super) use paging::{DeliveriesWish, PageWish};
pub(super) use payments::{Charge, Pay, Refund, idempotency_key};
pub(super) use webhooks::NewWebhook;
