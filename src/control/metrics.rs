//! Metrics of reloads and registries.

use super::{build::BuildError, reload::ReloadError};
use prometheus::{IntCounterVec, IntGauge, Opts, Registry, core::Collector};

/// The metric families of reloads.
#[derive(Clone, Debug)]
pub struct ControlMetrics {
    config_reloads: IntCounterVec,
    model_reloads: IntCounterVec,
    model_last_success: IntGauge,
    config_last_success: IntGauge,
    generation: IntGauge,
}

impl ControlMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            config_reloads: IntCounterVec::new(
                Opts::new("lb_config_reloads_total", "Reloads by result."),
                &["result"],
            )?,
            model_reloads: IntCounterVec::new(
                Opts::new(
                    "lb_model_reloads_total",
                    "Reloads by what became of the models.",
                ),
                &["result"],
            )?,
            model_last_success: IntGauge::new(
                "lb_model_last_reload_success",
                "1 when the start or the latest reload found every newest model servable.",
            )?,
            config_last_success: IntGauge::new(
                "lb_config_last_reload_success",
                "1 when the latest reload was taken over.",
            )?,
            generation: IntGauge::new(
                "lb_config_generation",
                "Generation of the configuration that serves, from 1.",
            )?,
        };
        for family in metrics.families() {
            registry.register(family)?;
        }
        for result in ["success", "error"] {
            metrics.config_reloads.with_label_values(&[result]);
            metrics.model_reloads.with_label_values(&[result]);
        }
        metrics.model_last_success.set(1);
        metrics.config_last_success.set(1);
        Ok(metrics)
    }

    /// Every family, with or without series: what [`Self::new`] registers.
    pub fn families(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.config_reloads.clone()),
            Box::new(self.model_reloads.clone()),
            Box::new(self.model_last_success.clone()),
            Box::new(self.config_last_success.clone()),
            Box::new(self.generation.clone()),
        ]
    }

    /// Counts a reload.
    pub(super) fn reloaded(&self, result: &Result<u64, ReloadError>) {
        let label = if result.is_ok() { "success" } else { "error" };
        self.config_reloads.with_label_values(&[label]).inc();
        self.config_last_success.set(i64::from(result.is_ok()));
        if let Err(ReloadError::Build(BuildError::Model(_))) = result {
            self.models_loaded(false);
        }
    }

    /// Counts a look at the models; `all_newest`: none had to be passed over.
    pub(super) fn models_loaded(&self, all_newest: bool) {
        let label = if all_newest { "success" } else { "error" };
        self.model_reloads.with_label_values(&[label]).inc();
        self.models_found(all_newest);
    }

    /// Says whether every newest model is servable, without counting a reload.
    pub(super) fn models_found(&self, all_newest: bool) {
        self.model_last_success.set(i64::from(all_newest));
    }

    pub(super) fn serving(&self, generation: u64) {
        self.generation
            .set(i64::try_from(generation).unwrap_or(i64::MAX));
    }
}
