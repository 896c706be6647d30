//! What the proxy says of itself in `/metrics`, as far as the demo shows it.

use super::{
    histogram::Histogram,
    metrics_text::{self, BadMetrics, Sample},
};
use std::collections::BTreeMap;

/// The proxy's figures at one moment; counts since its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape {
    /// Version of the model that serves.
    pub(super) model_version: u64,
    /// Reloads that found every newest model servable.
    pub(super) model_reloads_ok: u64,
    /// Requests that failed although another attempt was safe, affordable and possible.
    pub(super) dropped: u64,
    /// Attempts repeated on another endpoint.
    pub(super) retries: u64,
    /// Requests that ended, whatever became of them.
    pub(super) requests: u64,
    /// Requests answered with a status of 400 or more.
    pub(super) failed: u64,
    /// Choices of an endpoint, and those of them that the fallback policy made.
    pub(super) decisions: u64,
    pub(super) fallback_decisions: u64,
    /// Time of one choice, seconds.
    pub(super) decision_time: Histogram,
    /// Time from a request's header to its end, seconds.
    pub(super) request_time: Histogram,
    /// By address.
    pub(super) endpoints: BTreeMap<String, Endpoint>,
}

/// The figures of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoint {
    /// Attempts that ended, with or without a response.
    pub(super) attempts: u64,
    /// Responses with a status of 500 or more.
    pub(super) responses_5xx: u64,
    /// Attempts without a response.
    pub(super) unanswered: u64,
    /// Requests on their way.
    pub(super) in_flight: u64,
    /// Healthy by its checks and not ejected.
    pub(super) ready: bool,
    /// Time to the response header, seconds.
    pub(super) latency: Histogram,
}

impl Scrape {
    /// Reads the text of `/metrics`.
    ///
    /// # Errors
    /// When it is not in the format.
    pub(super) fn read(text: &str) -> Result<Self, BadMetrics> {
        let mut scrape = Self::default();
        for sample in metrics_text::parse(text)? {
            scrape.take(&sample);
        }
        Ok(scrape)
    }

    /// Responses of any endpoint with a status of 500 or more, retried ones included.
    pub(super) fn upstream_5xx(&self) -> u64 {
        self.endpoints
            .values()
            .map(|endpoint| endpoint.responses_5xx)
            .sum()
    }

    /// Each endpoint's share of the attempts since `earlier`, by address; empty without any.
    pub(super) fn shares_since(&self, earlier: &Self) -> BTreeMap<String, f64> {
        let before = |address| earlier.endpoints.get(address).map_or(0, |e| e.attempts);
        let attempts = self.endpoints.iter();
        let attempts: BTreeMap<_, _> = attempts
            .map(|(address, now)| (address, now.attempts.saturating_sub(before(address))))
            .collect();
        let all: u64 = attempts.values().sum();
        let share = |(address, count): (&String, u64)| (address.clone(), count as f64 / all as f64);
        match all {
            0 => BTreeMap::new(),
            _ => attempts.into_iter().map(share).collect(),
        }
    }

    fn take(&mut self, sample: &Sample) {
        let count = sample.value as u64;
        match sample.name.as_str() {
            "lb_policy_info" => {
                self.model_version = sample.label("version").parse().unwrap_or_default();
            }
            "lb_model_reloads_total" if sample.label("result") == "success" => {
                self.model_reloads_ok += count;
            }
            "lb_dropped_requests_total" => self.dropped += count,
            "lb_retries_total" => self.retries += count,
            "lb_requests_total" => self.take_requests(sample.label("code"), count),
            "lb_policy_picks_total" => self.take_picks(sample.label("kind"), count),
            "lb_decision_duration_seconds_bucket" => take_bucket(&mut self.decision_time, sample),
            "lb_request_duration_seconds_bucket" => take_bucket(&mut self.request_time, sample),
            _ if !sample.label("endpoint").is_empty() => self.take_of_endpoint(sample, count),
            _ => {}
        }
    }

    fn take_requests(&mut self, code: &str, count: u64) {
        self.requests += count;
        if code.starts_with(['4', '5']) {
            self.failed += count;
        }
    }

    fn take_picks(&mut self, kind: &str, count: u64) {
        self.decisions += count;
        if kind == "fallback" {
            self.fallback_decisions += count;
        }
    }

    fn take_of_endpoint(&mut self, sample: &Sample, count: u64) {
        let address = sample.label("endpoint").to_owned();
        let endpoint = self.endpoints.entry(address).or_default();
        match sample.name.as_str() {
            "lb_upstream_requests_total" => endpoint.take_attempts(sample.label("code"), count),
            "lb_endpoint_inflight" => endpoint.in_flight = count,
            "lb_endpoint_healthy" => endpoint.ready = count == 1,
            "lb_upstream_duration_seconds_bucket" => take_bucket(&mut endpoint.latency, sample),
            _ => {}
        }
    }
}

impl Endpoint {
    fn take_attempts(&mut self, code: &str, count: u64) {
        self.attempts += count;
        match code.as_bytes().first() {
            Some(b'0') => self.unanswered += count,
            Some(b'5') => self.responses_5xx += count,
            _ => {}
        }
    }
}

fn take_bucket(histogram: &mut Histogram, sample: &Sample) {
    if let Ok(bound) = sample.label("le").parse() {
        histogram.add(bound, sample.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
lb_policy_info{cluster="shop",model="default",policy="onnx",version="2"} 1
lb_model_reloads_total{result="success"} 1
lb_model_reloads_total{result="error"} 4
lb_dropped_requests_total{cluster="shop"} 0
lb_retries_total{cluster="shop",reason="status"} 3
lb_requests_total{cluster="shop",code="200",route="route-0"} 95
lb_requests_total{cluster="shop",code="503",route="route-0"} 2
lb_policy_picks_total{cluster="shop",kind="policy"} 90
lb_policy_picks_total{cluster="shop",kind="fallback"} 10
lb_decision_duration_seconds_bucket{cluster="shop",policy="onnx",le="0.000001"} 50
lb_decision_duration_seconds_bucket{cluster="shop",policy="onnx",le="+Inf"} 100
lb_upstream_requests_total{cluster="shop",endpoint="a:1",code="200"} 60
lb_upstream_requests_total{cluster="shop",endpoint="a:1",code="000"} 5
lb_upstream_requests_total{cluster="shop",endpoint="b:1",code="503"} 35
lb_endpoint_healthy{cluster="shop",endpoint="a:1"} 1
lb_endpoint_inflight{cluster="shop",endpoint="a:1"} 7
"#;

    #[test]
    fn counts_are_summed_over_their_series() {
        let scrape = Scrape::read(TEXT).unwrap();
        assert_eq!((scrape.model_version, scrape.model_reloads_ok), (2, 1));
        assert_eq!((scrape.decisions, scrape.fallback_decisions), (100, 10));
        assert_eq!(
            (scrape.dropped, scrape.retries, scrape.upstream_5xx()),
            (0, 3, 35)
        );
        assert_eq!((scrape.requests, scrape.failed), (97, 2));
        let a = &scrape.endpoints["a:1"];
        assert_eq!(
            (a.attempts, a.unanswered, a.in_flight, a.ready),
            (65, 5, 7, true)
        );
        assert!(
            scrape
                .decision_time
                .quantile(0.5)
                .is_some_and(|time| (time - 1e-6).abs() < 1e-12)
        );
    }

    #[test]
    fn shares_are_of_the_attempts_since_then() {
        let (then, now) = (Scrape::default(), Scrape::read(TEXT).unwrap());
        let shares = now.shares_since(&then);
        assert!((shares["a:1"] - 0.65).abs() < 1e-9 && (shares["b:1"] - 0.35).abs() < 1e-9);
        assert!(now.shares_since(&now).is_empty(), "nothing happened");
    }
}
