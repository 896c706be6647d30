//! The endpoints of notifications.

pub(crate) mod requests;
pub(crate) mod wire;

pub(crate) mod composing;

pub(crate) mod changes;
pub(crate) mod events;
pub(crate) mod reads;
