//! Settings of the decision log.

use super::units;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// Where sampled decisions are recorded, and how many.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionLog {
    /// Folder of the files; made when it is not there.
    pub folder: PathBuf,
    /// Default: Parquet.
    pub format: DecisionFormat,
    /// Part of the decisions that is recorded, drawn by chance, 0 to 1. Default 0.01.
    pub sample: f64,
    /// Size at which the next file is begun, in bytes. Default 64 MiB.
    pub max_file_size: usize,
    /// Files kept; the oldest are removed. Default 8.
    pub max_files: usize,
    /// Age at which the next file is begun. Default 1 h.
    #[serde(serialize_with = "units::serialize")]
    pub max_file_age: Duration,
    /// Records that may wait for the writer; further ones are dropped. Default 1024.
    pub queue: usize,
    /// Latest records kept in memory for the admin interface. Default 256.
    pub keep: usize,
}

/// How records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionFormat {
    /// Compressed columns.
    #[default]
    Parquet,
    /// One JSON object a line.
    Jsonl,
}

impl DecisionLog {
    /// A log in `folder`, everything else at its default.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            format: DecisionFormat::default(),
            sample: 0.01,
            max_file_size: 64 << 20,
            max_files: 8,
            max_file_age: Duration::from_secs(3600),
            queue: 1024,
            keep: 256,
        }
    }
}
