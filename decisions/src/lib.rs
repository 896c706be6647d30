//! The decision log: one schema in two encodings, Parquet and JSON lines. Proxy and simulator
//! write it, the trainer and people read it.

pub mod record;
pub mod encoding;
pub mod error;

mod json_lines;
mod columnar;
mod writer;
mod reader;

pub use encoding::Encoding;
pub use error::{ReadError, WriteError};
pub use reader::{Records, read};
pub use record::DecisionRecord;
pub use writer::Writer;
