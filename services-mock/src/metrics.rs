//! What one instance counts about its traffic, in its own Prometheus registry.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use http::StatusCode;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use tokio::time::Instant;

/// Label of requests whose client went away before the answer.
const CANCELLED: &str = "cancelled";

/// The metrics of one instance; health, metrics and fault requests are not counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: Histogram,
    in_flight: IntGauge,
    queued: IntGauge,
    queue_full: IntCounter,
}

/// How many requests were answered, by status, and how many clients went away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered requests by status code.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests whose client closed before the answer.
    pub cancelled: u64,
}

impl Counts {
    /// All answered requests.
    pub fn answered(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// Answered requests of one status.
    pub fn with_status(&self, status: u16) -> u64 {
        self.by_status.get(&status).copied().unwrap_or(0)
    }
}

impl Metrics {
    pub(crate) fn new(service: &str, instance: &str) -> Self {
        Self::build(service, instance).expect("invariant: metric names are constant, valid, unique")
    }

    fn build(service: &str, instance: &str) -> prometheus::Result<Self> {
        let labels = HashMap::from([
            ("service".to_owned(), service.to_owned()),
            ("instance_name".to_owned(), instance.to_owned()),
        ]);
        let requests = Opts::new("mock_requests_total", "Requests answered, by status code.");
        let duration = HistogramOpts::new(
            "mock_request_duration_seconds",
            "Time from request to answer, queueing included.",
        )
        .buckets(prometheus::exponential_buckets(0.000_5, 2.0, 17)?);
        let metrics = Metrics {
            registry: Registry::new_custom(None, Some(labels))?,
            requests: IntCounterVec::new(requests, &["code"])?,
            duration: Histogram::with_opts(duration)?,
            in_flight: IntGauge::new("mock_requests_in_flight", "Requests present now.")?,
            queued: IntGauge::new("mock_requests_queued", "Requests waiting for a slot now.")?,
            queue_full: IntCounter::new(
                "mock_queue_full_total",
                "Requests refused because the queue was full.",
            )?,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> prometheus::Result<()> {
        let collectors: [Box<dyn Collector>; 5] = [
            Box::new(self.requests.clone()),
            Box::new(self.duration.clone()),
            Box::new(self.in_flight.clone()),
            Box::new(self.queued.clone()),
            Box::new(self.queue_full.clone()),
        ];
        collectors
            .into_iter()
            .try_for_each(|collector| self.registry.register(collector))
    }

    /// Counts one request from now until the guard is finished or dropped.
    pub(crate) fn begin(&self, now: Instant) -> Underway<'_> {
        self.in_flight.inc();
        Underway {
            metrics: self,
            began: now,
            status: None,
        }
    }

    pub(crate) fn count_queue_full(&self) {
        self.queue_full.inc();
    }

    /// Requests present now.
    pub(crate) fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.get()).unwrap_or(0)
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for series in self.requests.collect().iter().flat_map(|f| f.get_metric()) {
            let code = series.get_label().first().map_or("", |label| label.value());
            let value = series.get_counter().get_value() as u64;
            match code.parse() {
                Ok(status) => drop(counts.by_status.insert(status, value)),
                Err(_) => counts.cancelled += value,
            }
        }
        counts
    }

    /// Prometheus text; `queued` is the length of the queue now.
    pub(crate) fn render(&self, queued: usize) -> prometheus::Result<Vec<u8>> {
        self.queued.set(i64::try_from(queued).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// One request underway; counted as cancelled when dropped without an answer.
#[derive(Debug)]
pub(crate) struct Underway<'a> {
    metrics: &'a Metrics,
    began: Instant,
    status: Option<StatusCode>,
}

impl Underway<'_> {
    /// Notes the answer and tells how long it took; the request is over when this is dropped.
    pub(crate) fn answered(&mut self, status: StatusCode) -> Duration {
        self.status = Some(status);
        self.began.elapsed()
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        let code = self.status.as_ref().map_or(CANCELLED, StatusCode::as_str);
        self.metrics.in_flight.dec();
        self.metrics.requests.with_label_values(&[code]).inc();
        let seconds = self.began.elapsed().as_secs_f64();
        self.metrics.duration.observe(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answered_and_dropped_requests_are_counted_and_leave_none_in_flight() {
        let metrics = Metrics::new("user-service", "u1");
        let mut answered = metrics.begin(Instant::now());
        let dropped = metrics.begin(Instant::now());
        assert_eq!(metrics.in_flight(), 2);
        answered.answered(StatusCode::OK);
        assert_eq!(metrics.in_flight(), 2);
        drop((answered, dropped));
        let counts = metrics.counts();
        assert_eq!((counts.with_status(200), counts.cancelled), (1, 1));
        assert_eq!(metrics.in_flight(), 0);
    }
}
