//! Reads rows, a batch at a time. Columns are found by name, in any order; further ones are
//! passed over, and optional ones may be read as long as nothing is missing in them, so that a
//! file that went through another tool can be read.

use super::{
    FORMAT, FORMAT_KEY,
    table::{Column, FIELDS, Field},
};
use crate::{error::ReadError, record::DecisionRecord};
use parquet::{
    basic::Repetition,
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    errors::ParquetError,
    file::{reader::FileReader, serialized_reader::SerializedFileReader},
    schema::types::{ColumnDescPtr, SchemaDescriptor},
};
use std::{
    fmt,
    fs::File,
    iter::zip,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    vec,
};

/// Rows read at a time.
const BATCH_ROWS: usize = 256;

/// Reads the rows of a file in order. Ends after the first error.
pub(crate) struct RowReader {
    path: PathBuf,
    file: SerializedFileReader<File>,
    /// For each field its column in the file.
    places: Vec<usize>,
    next_group: usize,
    group: Option<Group>,
    batch: vec::IntoIter<DecisionRecord>,
    /// Rows handed out.
    rows: u64,
    has_ended: bool,
}

/// A row group that is being read.
struct Group {
    columns: Vec<ListColumn>,
    rows_left: usize,
}

/// A column with the levels that its values are told by.
struct ListColumn {
    reader: ColumnReader,
    description: ColumnDescPtr,
}

/// What is wrong, with its row within the batch.
struct Fault {
    row: usize,
    field: &'static str,
    problem: String,
}

impl fmt::Debug for RowReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader")
            .field("path", &self.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl RowReader {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let wrong = |problem| ReadError::File {
            file: path.to_owned(),
            problem,
        };
        let file = File::open(path).map_err(|source| ReadError::Io {
            file: path.to_owned(),
            source,
        })?;
        let file = guarded(|| SerializedFileReader::new(file)).map_err(wrong)?;
        let metadata = file.metadata().file_metadata();
        let heads = metadata.key_value_metadata().into_iter().flatten();
        let mut heads = heads.filter(|head| head.key == FORMAT_KEY);
        check_format(heads.next().and_then(|head| head.value.as_deref())).map_err(wrong)?;
        let places = places(metadata.schema_descr()).map_err(wrong)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            places,
            next_group: 0,
            group: None,
            batch: Vec::new().into_iter(),
            rows: 0,
            has_ended: false,
        })
    }

    /// Reads the next batch; false at the end of the file.
    fn advance(&mut self) -> Result<bool, ReadError> {
        loop {
            let group = match &mut self.group {
                Some(group) if group.rows_left > 0 => group,
                _ if self.next_group == self.file.num_row_groups() => return Ok(false),
                _ => {
                    let opened = guarded(|| open_group(&self.file, self.next_group, &self.places));
                    let opened = opened.map_err(|problem| self.file_error(problem))?;
                    self.next_group += 1;
                    self.group = Some(opened);
                    continue;
                }
            };
            let read = catch_unwind(AssertUnwindSafe(|| group.read_batch()));
            let rows = read
                .map_err(|_| self.file_error(DAMAGED.to_owned()))?
                .map_err(|fault| self.row_error(&fault))?;
            self.batch = rows.into_iter();
            return Ok(true);
        }
    }

    fn file_error(&self, problem: String) -> ReadError {
        ReadError::File {
            file: self.path.clone(),
            problem,
        }
    }

    fn row_error(&self, fault: &Fault) -> ReadError {
        ReadError::Row {
            file: self.path.clone(),
            row: self.rows + fault.row as u64 + 1,
            field: fault.field,
            problem: fault.problem.clone(),
        }
    }

    fn take(&mut self) -> Option<Result<DecisionRecord, ReadError>> {
        let record = loop {
            match self.batch.next() {
                Some(record) => break record,
                None => match self.advance() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error)),
                },
            }
        };
        if let Err(wrong) = record.check() {
            return Some(Err(self.row_error(&Fault {
                row: 0,
                field: wrong.field,
                problem: wrong.problem,
            })));
        }
        self.rows += 1;
        Some(Ok(record))
    }
}

impl Iterator for RowReader {
    type Item = Result<DecisionRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let item = self.take();
        self.has_ended = !matches!(item, Some(Ok(_)));
        item
    }
}

const DAMAGED: &str = "damaged Parquet";

/// The library is known to panic on some damaged files; here that is an error like any other.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(DAMAGED.to_owned()),
    }
}

/// A file without a version went through another tool; its columns decide.
fn check_format(written: Option<&str>) -> Result<(), String> {
    match written.map(str::parse::<u32>) {
        None => Ok(()),
        Some(Ok(version)) if version <= FORMAT => Ok(()),
        Some(_) => Err(format!(
            "{FORMAT_KEY}: version {} is unknown here, which knows {FORMAT}",
            written.unwrap_or_default()
        )),
    }
}

fn places(schema: &SchemaDescriptor) -> Result<Vec<usize>, String> {
    FIELDS.iter().map(|field| place(schema, field)).collect()
}

/// Where a field's column is, if it is of its type.
fn place(schema: &SchemaDescriptor, field: &Field) -> Result<usize, String> {
    let name = |column: &ColumnDescPtr| column.path().parts().first().cloned();
    let found = schema
        .columns()
        .iter()
        .position(|column| name(column).as_deref() == Some(field.name));
    let place = found.ok_or_else(|| format!("{}: the column is missing", field.name))?;
    let column = schema.column(place);
    let is_list = column.max_rep_level() == 1;
    if column.physical_type() != field.column.physical_type()
        || is_list != field.column.is_list()
        || column.max_rep_level() > 1
    {
        return Err(format!(
            "{}: the column is not {}{}",
            field.name,
            if field.column.is_list() {
                "a list of "
            } else {
                ""
            },
            field.column.physical_type()
        ));
    }
    Ok(place)
}

fn open_group(
    file: &SerializedFileReader<File>,
    index: usize,
    places: &[usize],
) -> Result<Group, ParquetError> {
    let group = file.get_row_group(index)?;
    let metadata = group.metadata();
    let rows_left = usize::try_from(metadata.num_rows())
        .map_err(|_| ParquetError::General("a row group of fewer than 0 rows".to_owned()))?;
    let columns = places.iter().map(|place| {
        Ok(ListColumn {
            reader: group.get_column_reader(*place)?,
            description: metadata.column(*place).column_descr_ptr(),
        })
    });
    Ok(Group {
        columns: columns.collect::<Result<_, ParquetError>>()?,
        rows_left,
    })
}

impl Group {
    fn read_batch(&mut self) -> Result<Vec<DecisionRecord>, Fault> {
        let count = self.rows_left.min(BATCH_ROWS);
        let mut rows = vec![DecisionRecord::default(); count];
        for (field, column) in zip(&FIELDS, &mut self.columns) {
            column
                .read(&field.column, &mut rows)
                .map_err(|(row, problem)| Fault {
                    row,
                    field: field.name,
                    problem,
                })?;
        }
        self.rows_left -= count;
        Ok(rows)
    }
}

/// What is wrong with a column, and the row in the batch.
type Wrong = (usize, String);

impl ListColumn {
    /// Reads one value or list for each row.
    fn read(&mut self, column: &Column, rows: &mut [DecisionRecord]) -> Result<(), Wrong> {
        let description = &self.description;
        match (column, &mut self.reader) {
            (Column::Time(at), ColumnReader::Int64ColumnReader(reader)) => {
                scalars(reader, rows, |row, value| {
                    *(at.get_mut)(row) = value;
                    Ok(())
                })
            }
            (Column::Count(at), ColumnReader::Int32ColumnReader(reader)) => {
                scalars(reader, rows, |row, value| {
                    *(at.get_mut)(row) = value.cast_unsigned();
                    Ok(())
                })
            }
            (Column::Number(at), ColumnReader::Int64ColumnReader(reader)) => {
                scalars(reader, rows, |row, value| {
                    *(at.get_mut)(row) = value.cast_unsigned();
                    Ok(())
                })
            }
            (Column::Real(at), ColumnReader::FloatColumnReader(reader)) => {
                scalars(reader, rows, |row, value| {
                    *(at.get_mut)(row) = value;
                    Ok(())
                })
            }
            (Column::Text(at), ColumnReader::ByteArrayColumnReader(reader)) => {
                scalars(reader, rows, |row, value| {
                    *(at.get_mut)(row) = text(&value)?;
                    Ok(())
                })
            }
            (Column::Reals(at), ColumnReader::FloatColumnReader(reader)) => {
                lists(reader, description, rows, |row, value| {
                    (at.get_mut)(row).push(value);
                    Ok(())
                })
            }
            (Column::Texts(at), ColumnReader::ByteArrayColumnReader(reader)) => {
                lists(reader, description, rows, |row, value| {
                    (at.get_mut)(row).push(text(&value)?);
                    Ok(())
                })
            }
            _ => Err((0, "the column is of another type".to_owned())),
        }
    }
}

fn text(value: &ByteArray) -> Result<String, String> {
    let text = value.as_utf8().map_err(|_| "not UTF-8".to_owned())?;
    Ok(text.to_owned())
}

fn scalars<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: &mut [DecisionRecord],
    put: impl Fn(&mut DecisionRecord, T::T) -> Result<(), String>,
) -> Result<(), Wrong> {
    let (mut definitions, mut values) = (Vec::new(), Vec::new());
    let read = reader.read_records(rows.len(), Some(&mut definitions), None, &mut values);
    let (records, ..) = read.map_err(|error| (0, error.to_string()))?;
    if records < rows.len() {
        return Err((records, "the column ends before the row group".to_owned()));
    }
    if values.len() < records {
        let place = definitions.iter().position(|definition| *definition == 0);
        return Err((place.unwrap_or(0), "is missing".to_owned()));
    }
    for (index, (row, value)) in zip(rows, values).enumerate() {
        put(row, value).map_err(|problem| (index, problem))?;
    }
    Ok(())
}

fn lists<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    description: &ColumnDescPtr,
    rows: &mut [DecisionRecord],
    put: impl Fn(&mut DecisionRecord, T::T) -> Result<(), String>,
) -> Result<(), Wrong> {
    let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let read = reader.read_records(
        rows.len(),
        Some(&mut definitions),
        Some(&mut repetitions),
        &mut values,
    );
    let (records, ..) = read.map_err(|error| (0, error.to_string()))?;
    if records < rows.len() {
        return Err((records, "the column ends before the row group".to_owned()));
    }
    let element = description.self_type().get_basic_info();
    let is_optional = element.has_repetition() && element.repetition() == Repetition::OPTIONAL;
    let present = description.max_def_level();
    let in_list = present - i16::from(is_optional);
    let mut values = values.into_iter();
    let mut next_row = 0;
    for (repetition, definition) in zip(repetitions, definitions) {
        next_row += usize::from(repetition == 0);
        let at = next_row.saturating_sub(1);
        if definition < in_list {
            continue;
        }
        let value = values.next().filter(|_| definition == present);
        let value = value.ok_or_else(|| (at, "an element is missing".to_owned()))?;
        let row = rows
            .get_mut(at)
            .ok_or_else(|| (at, "more lists than rows".to_owned()))?;
        put(row, value).map_err(|problem| (at, problem))?;
    }
    Ok(())
}
