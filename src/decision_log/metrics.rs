//! Metrics of the decision log.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry, core::Collector};

/// The metric families of this module.
#[derive(Clone, Debug)]
pub struct DecisionLogMetrics {
    pub(super) records: IntCounter,
    pub(super) bytes: IntCounter,
    pub(super) files: IntCounter,
    dropped: IntCounterVec,
    pub(super) dropped_queue_full: IntCounter,
    pub(super) dropped_unwritable: IntCounter,
    pub(super) dropped_refused: IntCounter,
}

impl DecisionLogMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let dropped = IntCounterVec::new(
            Opts::new(
                "lb_decision_log_dropped_total",
                "Sampled decisions that were lost: queue_full, the writer fell behind; unwritable, the disk refused; refused, the record contradicted itself.",
            ),
            &["reason"],
        )?;
        let reason = |reason| dropped.with_label_values(&[reason]);
        let metrics = Self {
            records: IntCounter::new(
                "lb_decision_log_records_total",
                "Sampled decisions handed to a file; Parquet gathers them in memory first.",
            )?,
            bytes: IntCounter::new(
                "lb_decision_log_bytes_total",
                "Bytes of the files that were finished.",
            )?,
            files: IntCounter::new("lb_decision_log_files_total", "Files that were finished.")?,
            dropped_queue_full: reason("queue_full"),
            dropped_unwritable: reason("unwritable"),
            dropped_refused: reason("refused"),
            dropped,
        };
        for family in metrics.families() {
            registry.register(family)?;
        }
        Ok(metrics)
    }

    /// Every family, with or without series: what [`Self::new`] registers.
    pub fn families(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.records.clone()),
            Box::new(self.dropped.clone()),
            Box::new(self.bytes.clone()),
            Box::new(self.files.clone()),
        ]
    }
}
