//! Reads a log from a file.

use crate::{
    columnar::RowReader, encoding::Encoding, error::ReadError, json_lines::LineReader,
    record::DecisionRecord,
};
use std::path::Path;

/// The records of a file in order, read as they are asked for: memory is bounded by a batch of
/// rows, or a line.
///
/// After [`ReadError::Line`] it goes on with the next line; after any other error it ends. The
/// last line of JSON is passed over when it is cut off, as an interrupted writer leaves it.
#[derive(Debug)]
pub struct Records(Rows);

#[derive(Debug)]
enum Rows {
    Parquet(Box<RowReader>),
    JsonLines(LineReader),
}

/// Opens a log in the encoding that its extension names.
///
/// # Errors
/// When the extension is neither `parquet` nor `jsonl`, the file cannot be opened, or it is no
/// decision log.
pub fn read(path: &Path) -> Result<Records, ReadError> {
    let encoding = Encoding::of_path(path).ok_or_else(|| ReadError::Extension {
        file: path.to_owned(),
    })?;
    Ok(Records(match encoding {
        Encoding::Parquet => Rows::Parquet(Box::new(RowReader::open(path)?)),
        Encoding::JsonLines => Rows::JsonLines(LineReader::open(path)?),
    }))
}

impl Iterator for Records {
    type Item = Result<DecisionRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Rows::Parquet(rows) => rows.next(),
            Rows::JsonLines(lines) => lines.next(),
        }
    }
}
