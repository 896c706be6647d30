//! Metrics of requests, by route.

use super::failure::Failure;
use crate::{
    topology::{RouteEntry, Topology},
    upstream::LATENCY_BUCKETS,
};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::Collector,
};
use std::{collections::HashMap, time::Duration};

/// The metric families of this module.
#[derive(Clone, Debug)]
pub struct ProxyMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    retries: IntCounterVec,
    dropped: IntCounterVec,
    failures: IntCounterVec,
    connections: IntGaugeVec,
    connections_refused: IntCounterVec,
}

impl ProxyMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one of the names is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            requests: counter(
                "lb_requests_total",
                "Requests by route and the status sent; 499: the client left first.",
                &["route", "cluster", "code"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "lb_request_duration_seconds",
                    "Time from a request's header to its end.",
                )
                .buckets(LATENCY_BUCKETS.to_vec()),
                &["route", "cluster"],
            )?,
            retries: counter(
                "lb_retries_total",
                "Attempts repeated on another endpoint, by why.",
                &["cluster", "reason"],
            )?,
            dropped: counter(
                "lb_dropped_requests_total",
                "Requests that failed although another attempt was safe, affordable and possible.",
                &["cluster"],
            )?,
            failures: counter(
                "lb_failures_total",
                "Answers of our own, by reason.",
                &["cluster", "reason"],
            )?,
            connections: IntGaugeVec::new(
                Opts::new("lb_downstream_connections", "Open client connections."),
                &["listener"],
            )?,
            connections_refused: counter(
                "lb_downstream_connections_refused_total",
                "Client connections closed because of the listener's limit.",
                &["listener"],
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
            Box::new(self.retries.clone()),
            Box::new(self.dropped.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.connections_refused.clone()),
        ]
    }

    /// Gauge of open and counter of refused connections of one listener.
    pub fn listener(&self, listener: &str) -> (prometheus::IntGauge, IntCounter) {
        (
            self.connections.with_label_values(&[listener]),
            self.connections_refused.with_label_values(&[listener]),
        )
    }

    /// Makes the series that must be there before they first count.
    pub fn announce(&self, topology: &Topology) {
        for balancer in topology.balancers() {
            self.dropped.with_label_values(&[balancer.cluster().name()]);
        }
    }

    /// Removes the series of routes and clusters that `new` no longer has.
    pub fn forget_departed(&self, old: &Topology, new: &Topology) {
        let pairs = |topology: &Topology| -> Vec<(String, String)> {
            let routes = &topology.config().runtime.routes;
            routes
                .iter()
                .map(|route| (route.name.clone(), route.cluster.clone()))
                .collect()
        };
        let current = pairs(new);
        for (route, cluster) in pairs(old).iter().filter(|pair| !current.contains(pair)) {
            self.duration.remove_label_values(&[route, cluster]).ok();
            remove_matching(&self.requests, &[("route", route), ("cluster", cluster)]);
        }
        for cluster in old
            .balancers()
            .iter()
            .map(|balancer| balancer.cluster().name())
        {
            if !new
                .balancers()
                .iter()
                .any(|balancer| balancer.cluster().name() == cluster)
            {
                for family in [&self.retries, &self.dropped, &self.failures] {
                    remove_matching(family, &[("cluster", cluster)]);
                }
            }
        }
    }

    /// Counts a finished request.
    pub(super) fn finished(
        &self,
        route: Option<&RouteEntry>,
        cluster: &str,
        status: u16,
        time: Duration,
    ) {
        let route = route.map_or("-", |route| route.name.as_str());
        let mut digits = [0; 3];
        self.requests
            .with_label_values(&[route, cluster, status_text(status, &mut digits)])
            .inc();
        let duration: Histogram = self.duration.with_label_values(&[route, cluster]);
        duration.observe(time.as_secs_f64());
    }

    pub(super) fn retried(&self, cluster: &str, reason: &str) {
        self.retries.with_label_values(&[cluster, reason]).inc();
    }

    pub(super) fn failed(&self, cluster: &str, failure: Failure) {
        self.failures
            .with_label_values(&[cluster, failure.as_str()])
            .inc();
    }

    pub(super) fn dropped(&self, cluster: &str) {
        self.dropped.with_label_values(&[cluster]).inc();
    }
}

/// The three digits of a status, without an allocation per request.
fn status_text(status: u16, digits: &mut [u8; 3]) -> &str {
    let status = status.min(999);
    for (place, unit) in digits.iter_mut().zip([100, 10, 1]) {
        *place = b'0' + (status / unit % 10) as u8;
    }
    std::str::from_utf8(digits).expect("three ASCII digits")
}

/// Removes every series of `family` that carries all of `labels`.
fn remove_matching(family: &IntCounterVec, labels: &[(&str, &str)]) {
    for metric in family.collect().iter().flat_map(|f| f.get_metric()) {
        let pairs: Vec<_> = metric
            .get_label()
            .iter()
            .map(|pair| (pair.name(), pair.value()))
            .collect();
        if labels.iter().all(|label| pairs.contains(label)) {
            let labels: HashMap<_, _> = pairs.into_iter().collect();
            family.remove(&labels).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_with_three_digits() {
        assert_eq!(status_text(200, &mut [0; 3]), "200");
        assert_eq!(status_text(499, &mut [0; 3]), "499");
        assert_eq!(status_text(7, &mut [0; 3]), "007");
    }
}
