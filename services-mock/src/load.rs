//! The load an instance reports of itself: piggybacked on responses and written into the registry.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;

/// Header that carries the report (ORCA, text form).
pub(crate) const HEADER: &str = "endpoint-load-metrics";

/// Weight of the newest request in the mean latency: about the last ten requests count.
const NEWEST: f64 = 0.1;

/// One look at an instance's load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// Busy slots by slots, 0 to 1.
    pub(crate) cpu_utilization: f64,
    /// Busy slots and queued requests by slots; above 1 there is a queue.
    pub(crate) application_utilization: f64,
    /// Requests present.
    pub(crate) inflight: u64,
    /// Mean of recent answers in milliseconds; missing before the first.
    pub(crate) latency_ms: Option<f64>,
}

impl Load {
    /// The report as a header value, such as `TEXT cpu_utilization=0.4, ...`.
    pub(crate) fn header_value(self) -> HeaderValue {
        let mut text = format!(
            "TEXT cpu_utilization={:.3}, application_utilization={:.3}, named_metrics.inflight={}",
            self.cpu_utilization, self.application_utilization, self.inflight
        );
        if let Some(latency_ms) = self.latency_ms {
            text.push_str(&format!(", named_metrics.latency_ms={latency_ms:.3}"));
        }
        HeaderValue::try_from(text).expect("invariant: digits and ASCII words only")
    }
}

/// Exponentially weighted mean of answer times.
#[derive(Debug, Default)]
pub(crate) struct MeanLatency(Mutex<Option<f64>>);

impl MeanLatency {
    pub(crate) fn record(&self, took: Duration) {
        let took_ms = took.as_secs_f64() * 1e3;
        let mut mean = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *mean = Some(mean.map_or(took_ms, |mean| mean + NEWEST * (took_ms - mean)));
    }

    /// Milliseconds; missing before the first answer.
    pub(crate) fn ms(&self) -> Option<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_written_in_the_orca_text_form() {
        let mut load = Load {
            cpu_utilization: 0.4,
            application_utilization: 0.6,
            inflight: 7,
            latency_ms: Some(12.5),
        };
        assert_eq!(
            load.header_value(),
            "TEXT cpu_utilization=0.400, application_utilization=0.600, \
             named_metrics.inflight=7, named_metrics.latency_ms=12.500"
        );
        load.latency_ms = None;
        let text = load.header_value();
        let unknown_is_missing = !text.to_str().unwrap().contains("latency_ms");
        assert!(unknown_is_missing, "{text:?}");
    }

    #[test]
    fn the_mean_follows_recent_answers() {
        let mean = MeanLatency::default();
        assert_eq!(mean.ms(), None);
        for _ in 0..100 {
            mean.record(Duration::from_millis(10));
        }
        let settled = mean.ms().unwrap();
        assert!((settled - 10.0).abs() < 0.01, "{settled}");
        for _ in 0..50 {
            mean.record(Duration::from_millis(30));
        }
        let moved = mean.ms().unwrap();
        assert!((29.0..30.0).contains(&moved), "{moved}");
    }
}
