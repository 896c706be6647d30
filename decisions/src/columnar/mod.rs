//! Parquet: one column a field of the record, lists as Parquet's three-level lists. Written and
//! read through one table of the fields, a row group or a batch at a time.

mod table;
mod write;
mod read;

pub(crate) use read::RowReader;
pub(crate) use write::RowWriter;

/// Version of the format; counts up when a field changes its meaning or goes.
const FORMAT: u32 = 1;
/// Keys of what a file says of itself.
const FORMAT_KEY: &str = "lb.format";
const SCHEMA_KEY: &str = "lb.schema";
const FEATURES_KEY: &str = "lb.features";
const CONTEXT_KEY: &str = "lb.context";
