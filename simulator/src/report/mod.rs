//! What an evaluation leaves behind: a JSON document with everything in it, and the tables,
//! pages and verdicts that are made from it.

mod document;
mod numbers;
mod text;
mod plot;
mod html;
mod verdict;
mod gates;
mod scorecard;

pub use document::{FORMAT, Report, ReportError};
pub use gates::{GatesError, judge};
pub use html::html;
pub use plot::PlotError;
pub use scorecard::{markdown, scorecard};
pub use text::text;
pub use verdict::{Gate, Measure, Verdict};
