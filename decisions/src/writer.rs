//! Writes a log to a file.

use crate::{
    columnar::RowWriter, encoding::Encoding, error::WriteError, json_lines::LineWriter,
    record::DecisionRecord,
};
use parquet::errors::ParquetError;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Writes records to a new file, in the encoding that its extension names.
///
/// Memory is bounded whatever the number of records: Parquet gathers a row group, some
/// megabytes. As Parquet cannot be read before it is finished, it is written to `<path>.part` and
/// renamed by [`Writer::finish`]; a writer that is dropped leaves that file behind.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Parquet(Box<RowWriter>),
    JsonLines(LineWriter),
}

impl Writer {
    /// Starts a file at `path`, in place of one that is there.
    ///
    /// # Errors
    /// When the extension is neither `parquet` nor `jsonl`, or the file cannot be made.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let encoding = Encoding::of_path(path).ok_or_else(|| WriteError::Extension {
            file: path.to_owned(),
        })?;
        let rows = match encoding {
            Encoding::Parquet => {
                let made = RowWriter::create(&unfinished(path));
                Rows::Parquet(Box::new(made.map_err(|error| of_parquet(path, error))?))
            }
            Encoding::JsonLines => {
                Rows::JsonLines(LineWriter::create(path).map_err(|source| of_io(path, source))?)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            rows,
        })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// [`WriteError::Record`] when it contradicts itself, after which others may be written.
    /// After any other error the file is lost from the latest flush or row group on.
    pub fn write(&mut self, record: &DecisionRecord) -> Result<(), WriteError> {
        record.check().map_err(|source| WriteError::Record {
            file: self.path.clone(),
            source,
        })?;
        match &mut self.rows {
            Rows::Parquet(rows) => rows
                .write(record)
                .map_err(|error| of_parquet(&self.path, error)),
            Rows::JsonLines(lines) => lines
                .write(record)
                .map_err(|source| of_io(&self.path, source)),
        }
    }

    /// Size of the file so far in bytes; of Parquet with the rows in memory, which are smaller
    /// once written.
    pub fn bytes(&self) -> u64 {
        match &self.rows {
            Rows::Parquet(rows) => rows.bytes(),
            Rows::JsonLines(lines) => lines.bytes(),
        }
    }

    /// Hands everything written to the system. Does nothing for Parquet, which could not be
    /// read yet all the same.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        match &mut self.rows {
            Rows::Parquet(_) => Ok(()),
            Rows::JsonLines(lines) => lines.flush().map_err(|source| of_io(&self.path, source)),
        }
    }

    /// Writes the rest and gives the file its name. Returns its size in bytes.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(mut self) -> Result<u64, WriteError> {
        self.flush()?;
        match self.rows {
            Rows::JsonLines(lines) => Ok(lines.bytes()),
            Rows::Parquet(rows) => {
                let bytes = rows
                    .finish()
                    .map_err(|error| of_parquet(&self.path, error))?;
                fs::rename(unfinished(&self.path), &self.path)
                    .map_err(|source| of_io(&self.path, source))?;
                Ok(bytes)
            }
        }
    }
}

/// Where Parquet is written until it is finished.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn of_io(path: &Path, source: io::Error) -> WriteError {
    WriteError::Io {
        file: path.to_owned(),
        source,
    }
}

fn of_parquet(path: &Path, error: ParquetError) -> WriteError {
    WriteError::Parquet {
        file: path.to_owned(),
        problem: error.to_string(),
    }
}
