//! The two encodings, told apart by a file's extension.

use std::path::Path;

/// How records are laid out in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Columns, compressed: small, and read by every data tool. Readable only once finished.
    Parquet,
    /// One JSON object a line: readable at any time, by people too.
    JsonLines,
}

impl Encoding {
    /// The encoding that the path's extension names, `parquet` or `jsonl`; none for others.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "parquet" => Some(Self::Parquet),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// The extension of its files, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::JsonLines => "jsonl",
        }
    }
}
