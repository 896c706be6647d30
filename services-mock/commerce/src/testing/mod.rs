//! Services over fresh stores, a scripted gateway and real servers, for tests of this crate and of
//! crates that use it.

mod fake_gateway;
mod mail_server;
mod redis_server;
mod postgres;
mod server;
mod shop;

pub use fake_gateway::{FakeGateway, Script, Seen};
pub use mail_server::{Mail, MailServer};
pub use postgres::database_url;
pub use redis_server::RedisServer;
pub use shop::{
    Answer, START_MS, Shop, StoreKind, on_each_store, on_each_store_with, on_memory, shop_behind,
};
