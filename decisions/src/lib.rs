//! The decision log: one schema in two encodings, Parquet and JSON lines. Proxy and simulator
//! write it, the trainer and people read it.

pub mod record;
