//! What load to send: target, rates over time, mix of requests, limits.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};

/// A load to send. [`Plan::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `http://host:port`; a path in it is ignored, the mix has its own.
    pub target: Uri,
    /// Rates one after another; the run lasts as long as all of them.
    pub steps: Vec<Step>,
    /// Requests due earlier than this are sent as all others and left out of every figure; 0 by
    /// default.
    pub warm_up: Duration,
    /// How requests are spread within a step.
    pub arrivals: Arrivals,
    /// Kinds of requests; each arrival draws one by weight.
    pub mix: Vec<Kind>,
    /// Seed of arrivals and mix: the same plan and seed send the same requests at the same times.
    pub seed: u64,
    /// Longest time from the intended start to the end of the answer, 1 ms to 10 min.
    pub timeout: Duration,
    /// Most requests underway, 1 to 100,000; an arrival beyond is not sent and counts as overrun.
    pub max_outstanding: usize,
    /// Response header whose values are counted, such as `x-upstream`.
    pub count_header: Option<HeaderName>,
}

/// A rate for a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Requests per second, above 0 and at most a million.
    pub rate_per_s: f64,
    /// How long, at most 7 days.
    pub duration: Duration,
}

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Independent users: exponential gaps.
    Poisson,
    /// Equal gaps.
    Fixed,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Share among all weights; above 0.
    pub weight: f64,
    /// Method.
    pub method: Method,
    /// Path with query, beginning with `/`.
    pub path: String,
    /// Headers beside Host and Content-Length.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Length of a body of filler, at most 16 MiB.
    pub body_bytes: usize,
}

/// A plan that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{field}: expected {expected}, got {value}")]
pub struct BadPlan {
    field: &'static str,
    expected: &'static str,
    value: String,
}

const LONGEST_STEP: Duration = Duration::from_secs(7 * 24 * 3600);
const LARGEST_BODY: usize = 16 * 1024 * 1024;
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(600);

impl Plan {
    /// `GET /` at one rate with Poisson arrivals, seed 0, 5 s timeout, 1000 outstanding.
    pub fn new(target: Uri, rate_per_s: f64, duration: Duration) -> Self {
        Plan {
            target,
            steps: vec![Step {
                rate_per_s,
                duration,
            }],
            warm_up: Duration::ZERO,
            arrivals: Arrivals::Poisson,
            mix: vec![Kind::get("/")],
            seed: 0,
            timeout: Duration::from_secs(5),
            max_outstanding: 1000,
            count_header: None,
        }
    }

    /// The length of all steps.
    pub fn duration(&self) -> Duration {
        self.steps.iter().map(|step| step.duration).sum()
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first field that is out of range, with its value.
    pub fn check(&self) -> Result<(), BadPlan> {
        let plain = self.target.scheme_str() == Some("http") && self.target.host().is_some();
        ensure(plain, "target", "http://host:port", &self.target)?;
        ensure(!self.steps.is_empty(), "steps", "at least one", 0)?;
        self.steps.iter().try_for_each(Step::check)?;
        ensure(
            self.warm_up.is_zero() || self.warm_up < self.duration(),
            "warm_up",
            "less than all steps together",
            format!("{:?}", self.warm_up),
        )?;
        ensure(!self.mix.is_empty(), "mix", "at least one kind", 0)?;
        self.mix.iter().try_for_each(Kind::check)?;
        let timeout = self.timeout;
        ensure(
            TIMEOUTS.contains(&timeout),
            "timeout",
            "1ms to 10min",
            format!("{timeout:?}"),
        )?;
        let most = self.max_outstanding;
        ensure(
            (1..=100_000).contains(&most),
            "max_outstanding",
            "1 to 100000",
            most,
        )
    }
}

impl Kind {
    /// A `GET` of weight 1.
    pub fn get(path: impl Into<String>) -> Self {
        Kind {
            weight: 1.0,
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body_bytes: 0,
        }
    }

    fn check(&self) -> Result<(), BadPlan> {
        let weight = self.weight;
        ensure(
            weight > 0.0 && weight.is_finite(),
            "weight",
            "a number above 0",
            weight,
        )?;
        let path = self.path.as_str();
        let origin_form = path.starts_with('/') && path.parse::<Uri>().is_ok();
        ensure(origin_form, "path", "a path beginning with /", path)?;
        let size = self.body_bytes;
        ensure(size <= LARGEST_BODY, "body_bytes", "at most 16 MiB", size)
    }
}

impl Step {
    fn check(&self) -> Result<(), BadPlan> {
        let rate = self.rate_per_s;
        ensure(
            rate > 0.0 && rate <= 1e6,
            "rate_per_s",
            "above 0, at most 1000000",
            rate,
        )?;
        let fits = self.duration <= LONGEST_STEP;
        ensure(
            fits,
            "duration",
            "at most 7 days",
            format!("{:?}", self.duration),
        )
    }
}

pub(crate) fn ensure(
    holds: bool,
    field: &'static str,
    expected: &'static str,
    value: impl ToString,
) -> Result<(), BadPlan> {
    if holds {
        return Ok(());
    }
    Err(BadPlan {
        field,
        expected,
        value: value.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Plan)) -> String {
        let target = Uri::from_static("http://127.0.0.1:1");
        let mut plan = Plan::new(target, 10.0, Duration::from_secs(1));
        plan.check().expect("the defaults are fine");
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn fields_out_of_range_are_refused_by_name_and_value() {
        let https = Uri::from_static("https://a:1");
        assert!(refused(|p| p.target = https).contains("https://a:1"));
        assert!(refused(|p| p.target = Uri::from_static("/x")).starts_with("target"));
        assert!(refused(|p| p.steps.clear()).starts_with("steps"));
        assert!(refused(|p| p.steps[0].rate_per_s = 0.0).starts_with("rate_per_s"));
        assert!(refused(|p| p.steps[0].rate_per_s = f64::NAN).starts_with("rate_per_s"));
        assert!(refused(|p| p.steps[0].duration = Duration::MAX).starts_with("duration"));
        assert!(refused(|p| p.warm_up = Duration::from_secs(1)).starts_with("warm_up"));
        assert!(refused(|p| p.mix.clear()).starts_with("mix"));
        assert!(refused(|p| p.mix[0].weight = -1.0).contains("-1"));
        assert!(refused(|p| p.mix[0].path = "x".into()).starts_with("path"));
        assert!(refused(|p| p.mix[0].path = "/a b".into()).starts_with("path"));
        assert!(refused(|p| p.mix[0].body_bytes = usize::MAX).starts_with("body_bytes"));
        assert!(refused(|p| p.timeout = Duration::ZERO).starts_with("timeout"));
        assert!(refused(|p| p.max_outstanding = 0).starts_with("max_outstanding"));
    }
}
