//! Metrics of registries, read from the sources' own counters when somebody scrapes.

use crate::discovery::{RegistryStats, record::Malformed};
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector};
use std::{sync::Arc, time::UNIX_EPOCH};

/// The metric families of registries.
#[derive(Clone, Debug)]
pub struct RegistryMetrics {
    scans: IntCounterVec,
    errors: IntCounterVec,
    events: IntCounterVec,
    excess: IntCounterVec,
    malformed: IntCounterVec,
    records: IntGaugeVec,
    last_success: GaugeVec,
}

impl RegistryMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            scans: counter(
                "lb_registry_scans_total",
                "Passes over the registry.",
                &["cluster"],
            )?,
            errors: counter(
                "lb_registry_scan_errors_total",
                "Passes without an answer.",
                &["cluster"],
            )?,
            events: counter(
                "lb_registry_events_total",
                "Messages on the registry's event channel.",
                &["cluster"],
            )?,
            excess: counter(
                "lb_registry_excess_keys_total",
                "Keys passed over because there were too many.",
                &["cluster"],
            )?,
            malformed: counter(
                "lb_registry_malformed_records_total",
                "Records refused, once for each pass that saw them.",
                &["cluster", "reason"],
            )?,
            records: IntGaugeVec::new(
                Opts::new(
                    "lb_registry_records",
                    "Usable records in the latest answer.",
                ),
                &["cluster"],
            )?,
            last_success: GaugeVec::new(
                Opts::new(
                    "lb_registry_last_success_timestamp_seconds",
                    "When the registry last answered; 0: never.",
                ),
                &["cluster"],
            )?,
        };
        for family in metrics.families() {
            registry.register(family)?;
        }
        Ok(metrics)
    }

    /// Every family, with or without series: what [`Self::new`] registers.
    pub fn families(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.scans.clone()),
            Box::new(self.errors.clone()),
            Box::new(self.events.clone()),
            Box::new(self.excess.clone()),
            Box::new(self.malformed.clone()),
            Box::new(self.records.clone()),
            Box::new(self.last_success.clone()),
        ]
    }

    /// Shows `sources`, and nothing of sources that are gone.
    pub(super) fn show(&self, sources: &[(String, Arc<RegistryStats>)]) {
        for family in [
            &self.scans,
            &self.errors,
            &self.events,
            &self.excess,
            &self.malformed,
        ] {
            family.reset();
        }
        self.records.reset();
        self.last_success.reset();
        sources
            .iter()
            .for_each(|(cluster, stats)| self.show_one(cluster, stats));
    }

    fn show_one(&self, cluster: &str, stats: &RegistryStats) {
        let label = [cluster];
        self.scans.with_label_values(&label).inc_by(stats.scans());
        self.errors
            .with_label_values(&label)
            .inc_by(stats.scan_errors());
        self.events.with_label_values(&label).inc_by(stats.events());
        self.excess.with_label_values(&label).inc_by(stats.excess());
        for reason in Malformed::ALL {
            let count = stats.malformed(reason);
            self.malformed
                .with_label_values(&[cluster, reason.label()])
                .inc_by(count);
        }
        self.records
            .with_label_values(&label)
            .set(i64::try_from(stats.records()).unwrap_or(i64::MAX));
        let last = stats
            .last_success()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        self.last_success
            .with_label_values(&label)
            .set(last.map_or(0.0, |at| at.as_secs_f64()));
    }
}
