//! Why a model was not loaded. Each error names the file and the cause.

use super::graph::ContractError;
use std::{io, path::PathBuf, time::Duration};

/// Why a model was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing or unreadable.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any model should be.
    #[error("{}: larger than {limit_bytes} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit_bytes: u64,
    },
    /// The manifest cannot be understood.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is not the one that the manifest names.
    #[error("{}: sha256 is {found}, the manifest says {expected:?}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// sha256 in the manifest.
        expected: String,
        /// sha256 of the file.
        found: String,
    },
    /// The model was made for other features than this build computes.
    #[error("{}: made for feature schema {found}, this build has {expected}", path.display())]
    Schema {
        /// The file that names the schema.
        path: PathBuf,
        /// Schema of this build.
        expected: String,
        /// Schema of the model.
        found: String,
    },
    /// The graph does not meet the model contract.
    #[error("{}: {source}", path.display())]
    Contract {
        /// The graph.
        path: PathBuf,
        /// What the contract wants.
        source: ContractError,
    },
    /// Manifest and graph disagree.
    #[error("{}: {key} is {found:?}, the manifest says {expected:?}", path.display())]
    Disagrees {
        /// The graph.
        path: PathBuf,
        /// Key of `metadata_props`.
        key: &'static str,
        /// Value in the manifest.
        expected: String,
        /// Value in the graph.
        found: String,
    },
    /// No permitted runtime can run the graph rightly; the reason names each that was tried.
    #[error("{}: {reason}", path.display())]
    Runtime {
        /// The graph.
        path: PathBuf,
        /// One reason per runtime.
        reason: String,
    },
    /// The test vectors cannot be understood.
    #[error("{}: {reason}", path.display())]
    Vectors {
        /// The file of vectors.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Scoring takes longer than a request may wait.
    #[error(
        "{}: scoring 32 candidates takes {measured:?} in {runtime}, the budget is {budget:?}; \
         `scoring: interval` scores off the hot path",
        path.display()
    )]
    Budget {
        /// The graph.
        path: PathBuf,
        /// Name of the runtime.
        runtime: &'static str,
        /// Fastest of many runs.
        measured: Duration,
        /// What was allowed.
        budget: Duration,
    },
    /// A folder holds no version that can be served.
    #[error("{}: no version can be served{}", path.display(), list(skipped))]
    NoVersion {
        /// The model folder.
        path: PathBuf,
        /// Why each version was passed over, newest first.
        skipped: Vec<ModelError>,
    },
}

fn list(skipped: &[ModelError]) -> String {
    if skipped.is_empty() {
        return ": it has neither numbered folders nor a manifest.yaml".to_owned();
    }
    skipped.iter().map(|error| format!("; {error}")).collect()
}
