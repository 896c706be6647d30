//! The six commerce services: axum routers over a store, without faults, queues or a registry.
//!
//! A module uses only modules above its own line.

mod backoff;
mod clock;
mod error;
mod extract;
mod ids;
mod money;
mod named;
mod order_id;
mod settings;
mod signature;

mod auth;
mod redis_client;
mod store;
mod trace;

mod gateway;

mod state;
mod tasks;

mod events;

mod openapi;
mod parts;

mod carts;
mod inventory;
mod notifications;
mod orders;
mod payments;
mod users;

mod service;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use auth::{Caller, Role, Tokens, USER_TOKEN_MS};
pub use clock::{Clock, iso_local, parse_iso};
pub use error::{ApiError, ErrorBody};
pub use events::Event;
pub use ids::Ids;
pub use money::{BadMoney, Money};
pub use service::{Commerce, StartError};
pub use settings::{Admin, Secret, ServiceName, Settings, StoreAt};
pub use store::OpenError;
