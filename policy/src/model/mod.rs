//! Models: loading, checking and scoring.
//!
//! A version of a model is a folder with `model.onnx`, `parity.json` and `manifest.yaml`. It is
//! served only after its checksums, its feature schema, its test vectors and its speed were
//! checked. Two runtimes score: the native one compiles small graphs into plain loops, ONNX
//! Runtime runs any graph through a library loaded on demand.

mod wire;
mod proto;
mod graph;
mod error;
mod file;
mod manifest;
mod scorer;
mod parity;
mod native;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod measure;
mod load;
mod folder;

pub use error::ModelError;
pub use folder::{Loaded, load_folder};
pub use graph::ContractError;
pub use load::{LoadOptions, Model, Runtime, RuntimeChoice, load_version};
pub use measure::measure;
pub use native::{CompileError, Unsupported, compile_native};
pub use scorer::{ScoreError, Scorer, Workspace};
pub use wire::WireError;
