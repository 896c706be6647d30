//! Reads the settings of the decision log.

use super::{
    cursor::Place,
    decision_log::{DecisionFormat, DecisionLog},
    read_text::file_path,
};
use std::time::Duration;

/// Reads the log at `place`; none where `off` is written.
pub(super) fn decision_log(place: &Place<'_>) -> Option<DecisionLog> {
    const MOST_BYTES: usize = 1 << 40;
    const MOST_FILES: usize = 10_000;
    const MOST_WAITING: usize = 65_536;
    const MOST_KEPT: usize = 1000;
    let ages = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
    if place.is_scalar() {
        place.word(&[("off", ())]);
        return None;
    }
    let fields = place.fields();
    let folder = fields.required("folder").as_ref().and_then(file_path);
    let default = DecisionLog::new(folder.unwrap_or_default());
    let formats = [
        ("parquet", DecisionFormat::Parquet),
        ("jsonl", DecisionFormat::Jsonl),
    ];
    let format = fields.get("format").and_then(|place| place.word(&formats));
    Some(DecisionLog {
        format: format.unwrap_or_default(),
        sample: fields.percent("sample_percent", default.sample, 100.0),
        max_file_size: fields.size("max_file_size", default.max_file_size, 1024..=MOST_BYTES),
        max_files: fields.integer("max_files", default.max_files, 1..=MOST_FILES),
        max_file_age: fields.duration("max_file_age", default.max_file_age, ages),
        queue: fields.integer("queue", default.queue, 1..=MOST_WAITING),
        keep: fields.integer("keep", default.keep, 0..=MOST_KEPT),
        folder: default.folder,
    })
}
