//! Writes rows: they gather in memory until a row group is full.

use super::{
    CONTEXT_KEY, FEATURES_KEY, FORMAT, FORMAT_KEY, SCHEMA_KEY,
    table::{Column, FIELDS, schema},
};
use crate::record::DecisionRecord;
use lb_policy::features::{CANDIDATE_FEATURES, CONTEXT_FEATURES, Feature, schema_id};
use parquet::{
    basic::Compression,
    column::writer::ColumnWriterImpl,
    data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
};
use std::{fmt, fs::File, mem, path::Path, sync::Arc};

/// Rows of a row group; fewer where they are long.
const GROUP_ROWS: usize = 4096;
/// Bytes of a row group before compression: bounds the memory of writer and reader.
const GROUP_BYTES: usize = 8 << 20;

/// Writes rows to a new file. Without [`RowWriter::finish`] the file stays unreadable.
pub(crate) struct RowWriter {
    file: SerializedFileWriter<File>,
    rows: Vec<DecisionRecord>,
    rows_bytes: usize,
}

impl fmt::Debug for RowWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowWriter")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl RowWriter {
    pub(crate) fn create(path: &Path) -> Result<Self, ParquetError> {
        let file = File::create(path)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_key_value_metadata(Some(head()))
            .build();
        Ok(Self {
            file: SerializedFileWriter::new(file, schema()?, Arc::new(properties))?,
            rows: Vec::new(),
            rows_bytes: 0,
        })
    }

    pub(crate) fn write(&mut self, record: &DecisionRecord) -> Result<(), ParquetError> {
        self.rows_bytes += bytes_of(record);
        self.rows.push(record.clone());
        if self.rows.len() >= GROUP_ROWS || self.rows_bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Bytes in the file, and those of the rows in memory before they are compressed.
    pub(crate) fn bytes(&self) -> u64 {
        (self.file.bytes_written() + self.rows_bytes) as u64
    }

    pub(crate) fn finish(mut self) -> Result<u64, ParquetError> {
        self.write_group()?;
        self.file.finish()?;
        self.file.inner().sync_all()?;
        Ok(self.file.bytes_written() as u64)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = mem::take(&mut self.rows);
        self.rows_bytes = 0;
        let mut group = self.file.next_row_group()?;
        for field in &FIELDS {
            let mut column = group.next_column()?.ok_or_else(|| missing(field.name))?;
            write_column(&mut column, &field.column, &rows)?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn missing(name: &str) -> ParquetError {
    ParquetError::General(format!("the schema has no column {name}"))
}

/// What a file says of itself.
fn head() -> Vec<KeyValue> {
    let names = |features: &[Feature]| {
        let names: Vec<_> = features.iter().map(|feature| feature.name).collect();
        names.join(",")
    };
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    vec![
        entry(FORMAT_KEY, FORMAT.to_string()),
        entry(SCHEMA_KEY, schema_id().to_owned()),
        entry(FEATURES_KEY, names(&CANDIDATE_FEATURES)),
        entry(CONTEXT_KEY, names(&CONTEXT_FEATURES)),
    ]
}

/// Roughly what a record takes in memory.
fn bytes_of(record: &DecisionRecord) -> usize {
    let values =
        record.features.len() + record.context.len() + record.costs.len() + record.true_costs.len();
    let texts: usize = record.candidates.iter().map(|text| text.len() + 24).sum();
    let own_texts = record.request.len() + record.schema.len() + record.cluster.len();
    mem::size_of::<DecisionRecord>() + values * mem::size_of::<f32>() + texts + own_texts
}

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    column: &Column,
    rows: &[DecisionRecord],
) -> Result<(), ParquetError> {
    let text = |text: &String| ByteArray::from(text.as_str());
    match column {
        Column::Time(at) => scalars(writer.typed::<Int64Type>(), rows, |row| *(at.get)(row)),
        Column::Count(at) => scalars(writer.typed::<Int32Type>(), rows, |row| {
            (at.get)(row).cast_signed()
        }),
        Column::Number(at) => scalars(writer.typed::<Int64Type>(), rows, |row| {
            (at.get)(row).cast_signed()
        }),
        Column::Real(at) => scalars(writer.typed::<FloatType>(), rows, |row| *(at.get)(row)),
        Column::Text(at) => scalars(writer.typed::<ByteArrayType>(), rows, |row| {
            text((at.get)(row))
        }),
        Column::Reals(at) => {
            let lists = rows.iter().map(|row| (at.get)(row).iter().copied());
            lists_of(writer.typed::<FloatType>(), lists)
        }
        Column::Texts(at) => {
            let lists = rows.iter().map(|row| (at.get)(row).iter().map(text));
            lists_of(writer.typed::<ByteArrayType>(), lists)
        }
    }
}

fn scalars<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    rows: &[DecisionRecord],
    value: impl Fn(&DecisionRecord) -> T::T,
) -> Result<(), ParquetError> {
    let values: Vec<_> = rows.iter().map(value).collect();
    writer.write_batch(&values, None, None)?;
    Ok(())
}

/// Definition level 1 stands for a value, 0 for an empty list; repetition level 0 starts a list.
fn lists_of<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    lists: impl Iterator<Item = impl Iterator<Item = T::T>>,
) -> Result<(), ParquetError> {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        let before = values.len();
        values.extend(list);
        let length = values.len() - before;
        definitions.resize(definitions.len() + length.max(1), i16::from(length > 0));
        repetitions.push(0);
        repetitions.resize(definitions.len(), 1);
    }
    writer.write_batch(&values, Some(&definitions), Some(&repetitions))?;
    Ok(())
}
