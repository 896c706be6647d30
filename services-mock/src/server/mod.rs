//! The HTTP side of an instance: listening, routing, answering.

mod answer;
mod connection;
mod degradation;
mod listener;
mod payload;
mod route;
mod shop;
mod trace;

pub(crate) use connection::Life;
pub(crate) use listener::{bind, serve};
