//! Placeholder.

pub mod discovery;
