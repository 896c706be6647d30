//! Metrics of decisions.

use lb_policy::{
    model::Model,
    policies::{FallbackReason, Pick, PickKind},
};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::Collector,
};
use std::time::Duration;

/// Upper bounds of decision time, in seconds: 250 ns to 5 ms.
const DECISION_BUCKETS: [f64; 14] = [
    250e-9, 500e-9, 1e-6, 2e-6, 4e-6, 8e-6, 16e-6, 32e-6, 64e-6, 125e-6, 250e-6, 500e-6, 1e-3, 5e-3,
];

/// The metric families of this module.
#[derive(Clone, Debug)]
pub struct BalanceMetrics {
    duration: HistogramVec,
    fallbacks: IntCounterVec,
    kinds: IntCounterVec,
    info: IntGaugeVec,
}

impl BalanceMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "lb_decision_duration_seconds",
                    "Time of one choice of an endpoint.",
                )
                .buckets(DECISION_BUCKETS.to_vec()),
                &["cluster", "policy"],
            )?,
            fallbacks: IntCounterVec::new(
                Opts::new(
                    "lb_policy_fallback_total",
                    "Choices that the fallback policy made, by reason.",
                ),
                &["cluster", "reason"],
            )?,
            kinds: IntCounterVec::new(
                Opts::new(
                    "lb_policy_picks_total",
                    "Choices by how they came about: policy, explored, capped, new or fallback.",
                ),
                &["cluster", "kind"],
            )?,
            info: IntGaugeVec::new(
                Opts::new("lb_policy_info", "1 for the policy and model in use."),
                &["cluster", "policy", "model", "version", "sha256", "runtime"],
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
            Box::new(self.duration.clone()),
            Box::new(self.fallbacks.clone()),
            Box::new(self.kinds.clone()),
            Box::new(self.info.clone()),
        ]
    }

    /// Drops the info of earlier topologies; the serving one sets its own anew.
    pub fn reset_info(&self) {
        self.info.reset();
    }

    /// Says which policy and model serve `cluster`.
    pub fn set_info(&self, cluster: &str, policy: &str, model: Option<&Model>) {
        let version = model.map(|m| m.version().to_string()).unwrap_or_default();
        let (name, sha256, runtime) = model.map_or(("", "", ""), |m| {
            (m.name(), m.sha256(), m.runtime().as_str())
        });
        self.info
            .with_label_values(&[cluster, policy, name, &version, sha256, runtime])
            .set(1);
    }

    /// Removes the series of clusters and policies that are no longer served.
    pub fn forget(&self, cluster: &str, policy: &str) {
        self.duration.remove_label_values(&[cluster, policy]).ok();
    }

    /// Removes all series of a cluster that is no longer served.
    pub fn forget_cluster(&self, cluster: &str) {
        for reason in FallbackReason::ALL {
            self.fallbacks
                .remove_label_values(&[cluster, reason.as_str()])
                .ok();
        }
        for kind in PickKind::WORDS {
            self.kinds.remove_label_values(&[cluster, kind]).ok();
        }
    }

    pub(super) fn cluster(&self, cluster: &str, policy: &str) -> DecisionMetrics {
        DecisionMetrics {
            duration: self.duration.with_label_values(&[cluster, policy]),
            kinds: PickKind::WORDS.map(|kind| self.kinds.with_label_values(&[cluster, kind])),
            fallbacks: FallbackReason::ALL.map(|reason| {
                self.fallbacks
                    .with_label_values(&[cluster, reason.as_str()])
            }),
        }
    }
}

/// Series of one cluster, resolved once.
#[derive(Debug)]
pub(super) struct DecisionMetrics {
    duration: Histogram,
    kinds: [IntCounter; PickKind::WORDS.len()],
    fallbacks: [IntCounter; FallbackReason::ALL.len()],
}

impl DecisionMetrics {
    pub(super) fn decided(&self, pick: &Pick, time: Duration) {
        self.duration.observe(time.as_secs_f64());
        self.kinds[pick.kind.index()].inc();
        if let PickKind::Fallback(reason) = pick.kind {
            self.fallbacks[reason as usize].inc();
        }
    }
}
