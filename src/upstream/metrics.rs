//! Metrics of endpoints. Their series live as long as the endpoint does.

use http::StatusCode;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, core::Collector,
};
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// Upper bounds of latency buckets, in seconds.
pub(crate) const LATENCY_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Slots for the statuses 100 to 599; anything else is counted as 599.
const STATUS_SLOTS: usize = 500;

/// The metric families of this module.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGaugeVec,
    healthy: IntGaugeVec,
    latency: GaugeVec,
    ejections: IntCounterVec,
    ready: IntGaugeVec,
    panics: IntGaugeVec,
}

impl UpstreamMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let endpoint = ["cluster", "endpoint"];
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "lb_upstream_requests_total",
                    "Responses by endpoint and status; code 000: no response.",
                ),
                &["cluster", "endpoint", "code"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "lb_upstream_duration_seconds",
                    "Time from sending a request to its response header.",
                )
                .buckets(LATENCY_BUCKETS.to_vec()),
                &endpoint,
            )?,
            in_flight: IntGaugeVec::new(
                Opts::new(
                    "lb_endpoint_inflight",
                    "Requests in flight to the endpoint.",
                ),
                &endpoint,
            )?,
            healthy: IntGaugeVec::new(
                Opts::new(
                    "lb_endpoint_healthy",
                    "1 when enabled, healthy by its checks and not ejected.",
                ),
                &endpoint,
            )?,
            latency: GaugeVec::new(
                Opts::new(
                    "lb_endpoint_peak_ewma_seconds",
                    "Peak-sensitive moving average of latency.",
                ),
                &endpoint,
            )?,
            ejections: IntCounterVec::new(
                Opts::new(
                    "lb_outlier_ejections_total",
                    "Ejections by outlier detection.",
                ),
                &["cluster", "reason"],
            )?,
            ready: IntGaugeVec::new(
                Opts::new("lb_cluster_ready_endpoints", "Endpoints that get traffic."),
                &["cluster"],
            )?,
            panics: IntGaugeVec::new(
                Opts::new(
                    "lb_cluster_panic",
                    "1 while so few are healthy that all endpoints get traffic.",
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
            Box::new(self.requests.clone()),
            Box::new(self.duration.clone()),
            Box::new(self.in_flight.clone()),
            Box::new(self.healthy.clone()),
            Box::new(self.latency.clone()),
            Box::new(self.ejections.clone()),
            Box::new(self.ready.clone()),
            Box::new(self.panics.clone()),
        ]
    }

    /// The series of one endpoint.
    pub(super) fn endpoint(&self, cluster: &str, endpoint: &str) -> EndpointMetrics {
        let labels = [cluster, endpoint];
        EndpointMetrics {
            families: self.clone(),
            cluster: cluster.to_owned(),
            endpoint: endpoint.to_owned(),
            departed: AtomicBool::new(false),
            by_status: std::iter::repeat_with(OnceLock::new)
                .take(STATUS_SLOTS)
                .collect(),
            no_response: OnceLock::new(),
            duration: self.duration.with_label_values(&labels),
            in_flight: self.in_flight.with_label_values(&labels),
            healthy: self.healthy.with_label_values(&labels),
            latency: self.latency.with_label_values(&labels),
        }
    }

    /// The series of one cluster.
    pub(super) fn cluster(&self, cluster: &str) -> ClusterMetrics {
        ClusterMetrics {
            families: self.clone(),
            cluster: cluster.to_owned(),
            consecutive_5xx: self
                .ejections
                .with_label_values(&[cluster, "consecutive_5xx"]),
            ready: self.ready.with_label_values(&[cluster]),
            panic: self.panics.with_label_values(&[cluster]),
        }
    }
}

/// Series of one endpoint, resolved once so that a request looks nothing up.
#[derive(Debug)]
pub struct EndpointMetrics {
    families: UpstreamMetrics,
    cluster: String,
    endpoint: String,
    departed: AtomicBool,
    by_status: Box<[OnceLock<IntCounter>]>,
    no_response: OnceLock<IntCounter>,
    duration: Histogram,
    in_flight: IntGauge,
    healthy: IntGauge,
    latency: Gauge,
}

impl EndpointMetrics {
    /// Counts a response.
    pub(crate) fn responded(&self, status: StatusCode, latency: Duration) {
        let slot = usize::from(status.as_u16())
            .saturating_sub(100)
            .min(STATUS_SLOTS - 1);
        self.count(&self.by_status[slot], status.as_str());
        self.duration.observe(latency.as_secs_f64());
    }

    /// Counts an attempt that got no response.
    pub(crate) fn failed(&self) {
        self.count(&self.no_response, "000");
    }

    /// Sets the gauges; called when somebody scrapes.
    pub(crate) fn set_gauges(&self, in_flight: u32, ready: bool, peak_ewma: Duration) {
        if self.departed.load(Relaxed) {
            return;
        }
        self.in_flight.set(i64::from(in_flight));
        self.healthy.set(i64::from(ready));
        self.latency.set(peak_ewma.as_secs_f64());
    }

    fn count(&self, counter: &OnceLock<IntCounter>, code: &str) {
        if let Some(counter) = counter.get() {
            return counter.inc();
        }
        // A request may outlive its endpoint: it must not bring the series back.
        if self.departed.load(Relaxed) {
            return;
        }
        let labels = [self.cluster.as_str(), self.endpoint.as_str(), code];
        counter
            .get_or_init(|| self.families.requests.with_label_values(&labels))
            .inc();
    }

    /// Removes all series of the endpoint.
    pub(super) fn remove(&self) {
        self.departed.store(true, Relaxed);
        let labels = [self.cluster.as_str(), self.endpoint.as_str()];
        for (slot, counter) in self.by_status.iter().enumerate() {
            if counter.get().is_some() {
                let code = (slot + 100).to_string();
                self.remove_requests(&code);
            }
        }
        if self.no_response.get().is_some() {
            self.remove_requests("000");
        }
        // An error here means that the series is gone already.
        self.families.duration.remove_label_values(&labels).ok();
        self.families.in_flight.remove_label_values(&labels).ok();
        self.families.healthy.remove_label_values(&labels).ok();
        self.families.latency.remove_label_values(&labels).ok();
    }

    fn remove_requests(&self, code: &str) {
        let labels = [self.cluster.as_str(), self.endpoint.as_str(), code];
        self.families.requests.remove_label_values(&labels).ok();
    }
}

/// Series of one cluster.
#[derive(Debug)]
pub(super) struct ClusterMetrics {
    families: UpstreamMetrics,
    cluster: String,
    pub(super) consecutive_5xx: IntCounter,
    pub(super) ready: IntGauge,
    pub(super) panic: IntGauge,
}

impl ClusterMetrics {
    /// Removes all series of the cluster.
    pub(super) fn remove(&self) {
        let label = self.cluster.as_str();
        self.families
            .ejections
            .remove_label_values(&[label, "consecutive_5xx"])
            .ok();
        self.families.ready.remove_label_values(&[label]).ok();
        self.families.panics.remove_label_values(&[label]).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_departed_endpoint_leaves_no_series_and_late_responses_bring_none_back() {
        let registry = Registry::new();
        let metrics = UpstreamMetrics::new(&registry).expect("fresh registry");
        let endpoint = metrics.endpoint("web", "127.0.0.1:1");
        endpoint.responded(StatusCode::OK, Duration::from_millis(1));
        endpoint.failed();
        assert!(!registry.gather().is_empty());
        endpoint.remove();
        endpoint.responded(StatusCode::NOT_FOUND, Duration::from_millis(1));
        endpoint.set_gauges(1, true, Duration::ZERO);
        let left: usize = registry
            .gather()
            .iter()
            .map(|family| family.get_metric().len())
            .sum();
        assert_eq!(left, 0, "{:?}", registry.gather());
    }
}
