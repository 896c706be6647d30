//! Authors models: describes a network, writes it as a versioned model folder together with
//! test vectors from a plain f64 evaluation. Small, so that tests of other crates can author the
//! models they need; training is the crate `lb-trainer`.

pub mod chance;
pub mod graph;
pub mod protobuf;
pub mod network;
pub mod linear;
pub mod study;
pub mod broken;
pub mod export;
pub mod default_model;
