//! JSON lines: one object a line, keys as the record's fields.

use crate::{error::ReadError, record::DecisionRecord};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

/// Longest line, in bytes; 512 candidates take some 300 KiB.
const LINE_MAX: u64 = 16 << 20;

/// Writes lines to a new file.
#[derive(Debug)]
pub(crate) struct LineWriter {
    out: BufWriter<File>,
    line: Vec<u8>,
    bytes: u64,
}

impl LineWriter {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            out: BufWriter::new(File::create(path)?),
            line: Vec::new(),
            bytes: 0,
        })
    }

    pub(crate) fn write(&mut self, record: &DecisionRecord) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.bytes += self.line.len() as u64;
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads lines; blank ones are skipped.
#[derive(Debug)]
pub(crate) struct LineReader {
    file: PathBuf,
    input: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    has_ended: bool,
}

impl LineReader {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let file = path.to_owned();
        match File::open(path) {
            Ok(opened) => Ok(Self {
                file,
                input: BufReader::new(opened),
                line: Vec::new(),
                number: 0,
                has_ended: false,
            }),
            Err(source) => Err(ReadError::Io { file, source }),
        }
    }

    /// Reads the next line that is not blank; false at the end.
    fn advance(&mut self) -> Result<bool, ReadError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut input = (&mut self.input).take(LINE_MAX);
            let read = input.read_until(b'\n', &mut self.line);
            let read = read.map_err(|source| ReadError::Io {
                file: self.file.clone(),
                source,
            })?;
            if read as u64 == LINE_MAX {
                return Err(self.error(".", format!("longer than {LINE_MAX} bytes")));
            }
            if read == 0 || !self.line.trim_ascii().is_empty() {
                return Ok(read > 0);
            }
        }
    }

    fn parse(&self) -> Result<DecisionRecord, ReadError> {
        let mut json = serde_json::Deserializer::from_slice(&self.line);
        let record: DecisionRecord = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| self.error(&error.path().to_string(), error.inner().to_string()))?;
        json.end()
            .map_err(|error| self.error(".", error.to_string()))?;
        record
            .check()
            .map_err(|problem| self.error(problem.field, problem.problem))?;
        Ok(record)
    }

    fn error(&self, field: &str, problem: String) -> ReadError {
        ReadError::Line {
            file: self.file.clone(),
            line: self.number,
            field: field.to_owned(),
            problem,
        }
    }
}

impl Iterator for LineReader {
    type Item = Result<DecisionRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        match self.advance() {
            Ok(true) => {}
            Ok(false) => {
                self.has_ended = true;
                return None;
            }
            Err(error) => {
                self.has_ended = true;
                return Some(Err(error));
            }
        }
        let parsed = self.parse();
        if parsed.is_err() && !self.line.ends_with(b"\n") {
            // The writer was interrupted, or is about to write the rest.
            self.has_ended = true;
            return None;
        }
        Some(parsed)
    }
}
