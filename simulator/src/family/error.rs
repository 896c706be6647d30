//! Why a family file is refused.

use std::{fmt, io, path::PathBuf};

/// Why a family cannot be loaded or drawn from.
#[derive(Debug, thiserror::Error)]
pub enum FamilyError {
    /// The file, or one it names, cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not YAML.
    #[error("{}: {source}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Where and why.
        source: serde_yaml::Error,
    },
    /// Keys or values are wrong.
    #[error("{}: {}", file.display(), lines(problems))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong, at least one thing.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong with a family file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key, as in `servers.count`.
    pub key: String,
    /// What is wrong with it, the value included.
    pub reason: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n  ")
}
