//! The load an instance reports of itself: piggybacked on responses and written into the registry.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

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
    /// Requests present; the one whose answer carries this is among them.
    pub(crate) inflight: u64,
    /// Mean time to recent answers below 500 in milliseconds, for quick errors would flatter;
    /// missing before the first.
    pub(crate) latency_ms: Option<f64>,
    /// Answers per second lately.
    pub(crate) requests_per_second: f64,
    /// Answers of 500 and above per second lately.
    pub(crate) errors_per_second: f64,
}

impl Load {
    /// The report as a header value, such as `TEXT cpu_utilization=0.4, ...`.
    pub(crate) fn header_value(self) -> HeaderValue {
        let mut text = format!(
            "TEXT cpu_utilization={:.3}, application_utilization={:.3}, \
             rps_fractional={:.3}, eps={:.3}, named_metrics.inflight={}",
            self.cpu_utilization,
            self.application_utilization,
            self.requests_per_second,
            self.errors_per_second,
            self.inflight
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

/// How much comes per second, the latest counting most: weight falls to 1/e in [`MEMORY`].
#[derive(Debug, Default)]
pub(crate) struct DecayedRate(Mutex<Option<Tally>>);

#[derive(Clone, Copy, Debug)]
struct Tally {
    began: Instant,
    changed: Instant,
    /// Sum of all amounts, each by its weight at `changed`.
    sum: f64,
}

/// Long enough that chance averages out at some ten requests per second, short enough that a
/// balancer that looks every second sees a change.
const MEMORY: Duration = Duration::from_secs(2);

impl DecayedRate {
    /// Adds an amount, 1 for an event.
    pub(crate) fn record(&self, amount: f64, now: Instant) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = tally.map_or(0.0, |tally| tally.sum_at(now)) + amount;
        *tally = Some(Tally {
            began: tally.map_or(now, |tally| tally.began),
            changed: now,
            sum,
        });
    }

    /// 0 before the first amount.
    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        let tally = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tally) = tally else { return 0.0 };
        // What a steady rate of one per second would weigh by now; a second at least, so that the
        // first requests of all do not read as thousands per second.
        let since = now.saturating_duration_since(tally.began);
        let seconds = since.max(Duration::from_secs(1)).as_secs_f64();
        let memory = MEMORY.as_secs_f64();
        tally.sum_at(now) / (memory * (1.0 - (-seconds / memory).exp()))
    }
}

impl Tally {
    fn sum_at(self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.changed);
        self.sum * (-since.as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_after(per_second: u32, seconds: u32) -> (DecayedRate, Instant) {
        let (rate, start) = (DecayedRate::default(), Instant::now());
        let step = Duration::from_secs(1) / per_second;
        for event in 0..per_second * seconds {
            rate.record(1.0, start + step * event);
        }
        (rate, start + Duration::from_secs(seconds.into()))
    }

    #[test]
    fn a_steady_rate_is_told_early_and_late() {
        for seconds in [1, 2, 10] {
            let (rate, now) = rate_after(50, seconds);
            let told = rate.per_second(now);
            assert!((48.0..52.0).contains(&told), "{told} after {seconds} s");
        }
        assert!(DecayedRate::default().per_second(Instant::now()).abs() < f64::EPSILON);
    }

    #[test]
    fn a_rate_fades_when_nothing_happens_and_one_event_is_no_flood() {
        let (rate, now) = rate_after(50, 10);
        let later = rate.per_second(now + 2 * MEMORY);
        assert!((6.0..7.5).contains(&later), "{later}");
        let one = DecayedRate::default();
        one.record(1.0, now);
        assert!(one.per_second(now) < 1.5, "{}", one.per_second(now));
    }

    #[test]
    fn the_report_is_written_in_the_orca_text_form() {
        let mut load = Load {
            cpu_utilization: 0.4,
            application_utilization: 0.6,
            inflight: 7,
            latency_ms: Some(12.5),
            requests_per_second: 250.5,
            errors_per_second: 0.5,
        };
        assert_eq!(
            load.header_value(),
            "TEXT cpu_utilization=0.400, application_utilization=0.600, \
             rps_fractional=250.500, eps=0.500, \
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
