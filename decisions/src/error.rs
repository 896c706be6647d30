//! Why a log cannot be written or read: always with its file, and the line or row and the field
//! where there is one.

use crate::record::Inconsistent;
use std::{io, path::PathBuf};

/// Why a record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The extension names no encoding.
    #[error("{}: the extension must be .parquet or .jsonl", file.display())]
    Extension {
        /// The path.
        file: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The path.
        file: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Parquet could not be written; most often the system refused.
    #[error("{}: {problem}", file.display())]
    Parquet {
        /// The path.
        file: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// The record contradicts itself. Nothing of it was written, and the next one may be.
    #[error("{}: record refused: {source}", file.display())]
    Record {
        /// The path.
        file: PathBuf,
        /// What is wrong with it.
        source: Inconsistent,
    },
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The extension names no encoding.
    #[error("{}: the extension must be .parquet or .jsonl", file.display())]
    Extension {
        /// The path.
        file: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The path.
        file: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// The file as a whole is no decision log of this version.
    #[error("{}: {problem}", file.display())]
    File {
        /// The path.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// One line of JSON is wrong; reading may go on with the next.
    #[error("{}:{line}: {field}: {problem}", file.display())]
    Line {
        /// The path.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The field; `.` for the line as a whole.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// One row of Parquet is wrong.
    #[error("{}: row {row}: {field}: {problem}", file.display())]
    Row {
        /// The path.
        file: PathBuf,
        /// The row, from 1.
        row: u64,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}
