//! Which journeys to send: target, rates over time, mix of shoppers, limits.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;

use crate::journeys::shopper::Shopper;
use crate::plan::{Arrivals, BadPlan, ensure};
use crate::schedule::{Schedule, Slope};

/// Journeys to send. [`Plan::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `http://host:port` of the load balancer; a path in it is ignored.
    pub target: Uri,
    /// Rates of journeys one after another.
    pub phases: Vec<Phase>,
    /// Kinds of shoppers with their weights; each journey draws one.
    pub mix: Vec<(Shopper, f64)>,
    /// Values of the Host header; each journey draws one for all its steps. Empty: the target's.
    pub hosts: Vec<String>,
    /// Seed of every choice: the same plan and seed send the same journeys at the same times.
    pub seed: u64,
    /// Part of e-mail addresses and idempotency keys, so that a seed can be sent to the same shop
    /// again as other customers; up to 32 of `a-z`, `0-9` and `-`.
    pub run: String,
    /// Longest time for one answer, 1 ms to 10 min; 10 s by default.
    pub timeout: Duration,
    /// Times between steps are multiplied by it; 0 to 100.
    pub think_scale: f64,
    /// Most journeys underway, 1 to 100,000; one beyond is not begun and counts as overrun.
    pub max_underway: usize,
    /// Most requests for one check-out whose outcome is unknown, 1 to 100; 6 by default.
    pub checkout_attempts: u32,
    /// The first pause before a check-out is repeated or an order looked at again, 1 ms to 1 min;
    /// grows to eight times as much. 250 ms by default.
    pub pause: Duration,
    /// Longest time that a placed order is followed, at most 1 h; 30 s by default.
    pub order_wait: Duration,
    /// Longest time after the last phase until journeys underway are cut off, at most 1 h; 60 s by
    /// default.
    pub drain: Duration,
}

/// A rate of journeys for a time. Written `ramp:FROM-TO:SECONDS`, `spike:RATE:SECONDS` or
/// `soak:RATE:SECONDS`, rates in journeys per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// From one rate evenly to another.
    Ramp {
        /// Rate at its start; 0 is fine.
        from_per_s: f64,
        /// Rate at its end.
        to_per_s: f64,
        /// How long.
        duration: Duration,
    },
    /// A rate at once, meant to be high and short.
    Spike {
        /// Journeys per second.
        rate_per_s: f64,
        /// How long.
        duration: Duration,
    },
    /// One rate, meant to be long.
    Soak {
        /// Journeys per second.
        rate_per_s: f64,
        /// How long.
        duration: Duration,
    },
}

/// A text that is no phase.
#[derive(Debug, thiserror::Error)]
#[error("expected ramp:FROM-TO:SECONDS, spike:RATE:SECONDS or soak:RATE:SECONDS, got {0:?}")]
pub struct BadPhase(String);

const LONGEST_PHASE: Duration = Duration::from_secs(7 * 24 * 3600);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);
const PAUSES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
/// So that an idempotency key stays below 72 characters.
const LONGEST_RUN: usize = 32;

impl Plan {
    /// Every kind of shopper at one rate, the target's own host, seed 0, 1000 journeys underway.
    pub fn new(target: Uri, phases: Vec<Phase>) -> Self {
        Plan {
            target,
            phases,
            mix: vec![
                (Shopper::Browse, 40.0),
                (Shopper::Quick, 20.0),
                (Shopper::Careful, 15.0),
                (Shopper::Bulk, 10.0),
                (Shopper::Impulse, 15.0),
            ],
            hosts: Vec::new(),
            seed: 0,
            run: String::new(),
            timeout: Duration::from_secs(10),
            think_scale: 1.0,
            max_underway: 1000,
            checkout_attempts: 6,
            pause: Duration::from_millis(250),
            order_wait: Duration::from_secs(30),
            drain: Duration::from_secs(60),
        }
    }

    /// The length of all phases.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(Phase::duration).sum()
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first field that is out of range, with its value.
    pub fn check(&self) -> Result<(), BadPlan> {
        let plain = self.target.scheme_str() == Some("http") && self.target.host().is_some();
        ensure(plain, "target", "http://host:port", &self.target)?;
        ensure(!self.phases.is_empty(), "phases", "at least one", 0)?;
        self.phases.iter().try_for_each(Phase::check)?;
        ensure(!self.mix.is_empty(), "mix", "at least one shopper", 0)?;
        self.mix.iter().try_for_each(check_weight)?;
        self.hosts.iter().try_for_each(|host| check_host(host))?;
        self.check_run()?;
        self.check_limits()
    }

    fn check_run(&self) -> Result<(), BadPlan> {
        let plain = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits = self.run.len() <= LONGEST_RUN && self.run.bytes().all(plain);
        ensure(fits, "run", "up to 32 of a-z, 0-9 and -", &self.run)
    }

    fn check_limits(&self) -> Result<(), BadPlan> {
        let scale = self.think_scale;
        ensure(
            (0.0..=100.0).contains(&scale),
            "think_scale",
            "0 to 100",
            scale,
        )?;
        let most = self.max_underway;
        ensure(
            (1..=100_000).contains(&most),
            "max_underway",
            "1 to 100000",
            most,
        )?;
        let attempts = self.checkout_attempts;
        let few = (1..=100).contains(&attempts);
        ensure(few, "checkout_attempts", "1 to 100", attempts)?;
        let (timeout, pause) = (self.timeout, self.pause);
        let fits = TIMEOUTS.contains(&timeout);
        ensure(fits, "timeout", "1ms to 10min", format!("{timeout:?}"))?;
        let fits = PAUSES.contains(&pause);
        ensure(fits, "pause", "1ms to 1min", format!("{pause:?}"))?;
        let at_most_an_hour = |field, time: Duration| {
            let fits = time <= LONGEST_WAIT;
            ensure(fits, field, "at most 1h", format!("{time:?}"))
        };
        at_most_an_hour("order_wait", self.order_wait)?;
        at_most_an_hour("drain", self.drain)
    }

    /// The starts of the journeys and the shopper of each, as an index into the mix.
    pub(crate) fn schedule(&self) -> Schedule {
        let slopes = self.phases.iter().map(Phase::slope).collect();
        let weights = self.mix.iter().map(|(_, weight)| *weight);
        Schedule::new(slopes, Arrivals::Poisson, weights, self.seed)
    }

    /// Values of the Host header to draw from: at least one.
    pub(crate) fn host_names(&self) -> Vec<String> {
        match self.hosts.as_slice() {
            [] => vec![
                self.target
                    .authority()
                    .map_or("", Authority::as_str)
                    .to_owned(),
            ],
            hosts => hosts.to_vec(),
        }
    }
}

impl Phase {
    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.slope().duration
    }

    pub(crate) fn slope(&self) -> Slope {
        let (from_per_s, to_per_s, duration) = match *self {
            Phase::Ramp {
                from_per_s,
                to_per_s,
                duration,
            } => (from_per_s, to_per_s, duration),
            Phase::Spike {
                rate_per_s,
                duration,
            }
            | Phase::Soak {
                rate_per_s,
                duration,
            } => (rate_per_s, rate_per_s, duration),
        };
        Slope {
            from_per_s,
            to_per_s,
            duration,
        }
    }

    fn check(&self) -> Result<(), BadPlan> {
        let slope = self.slope();
        let (from, to) = (slope.from_per_s, slope.to_per_s);
        let within = |rate: f64| (0.0..=1e6).contains(&rate);
        let fits = within(from) && within(to) && from + to > 0.0;
        ensure(fits, "phase", "rates above 0, at most 1000000", self)?;
        let fits = !slope.duration.is_zero() && slope.duration <= LONGEST_PHASE;
        ensure(fits, "phase", "longer than 0, at most 7 days", self)
    }
}

impl FromStr for Phase {
    type Err = BadPhase;

    fn from_str(text: &str) -> Result<Self, BadPhase> {
        written(text).ok_or_else(|| BadPhase(text.to_owned()))
    }
}

fn written(text: &str) -> Option<Phase> {
    let (kind, rest) = text.split_once(':')?;
    let (rates, seconds) = rest.split_once(':')?;
    let duration = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    if kind == "ramp" {
        let (from, to) = rates.split_once('-')?;
        return Some(Phase::Ramp {
            from_per_s: from.parse().ok()?,
            to_per_s: to.parse().ok()?,
            duration,
        });
    }
    let rate_per_s = rates.parse().ok()?;
    match kind {
        "spike" => Some(Phase::Spike {
            rate_per_s,
            duration,
        }),
        "soak" => Some(Phase::Soak {
            rate_per_s,
            duration,
        }),
        _ => None,
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slope = self.slope();
        let (from, to, seconds) = (
            slope.from_per_s,
            slope.to_per_s,
            slope.duration.as_secs_f64(),
        );
        match self {
            Phase::Ramp { .. } => write!(f, "ramp:{from}-{to}:{seconds}"),
            Phase::Spike { .. } => write!(f, "spike:{to}:{seconds}"),
            Phase::Soak { .. } => write!(f, "soak:{to}:{seconds}"),
        }
    }
}

fn check_weight((shopper, weight): &(Shopper, f64)) -> Result<(), BadPlan> {
    let counts = *weight > 0.0 && weight.is_finite();
    let shown = format!("{shopper}={weight}");
    ensure(counts, "mix", "weights above 0", shown)
}

fn check_host(host: &str) -> Result<(), BadPlan> {
    let plain = host.parse::<Authority>().is_ok() && !host.contains('@');
    ensure(plain, "host", "a host name, maybe with a port", host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Plan)) -> String {
        let target = Uri::from_static("http://127.0.0.1:1");
        let mut plan = Plan::new(target, vec!["soak:5:10".parse().unwrap()]);
        plan.check().expect("the defaults are fine");
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn fields_out_of_range_are_refused_by_name_and_value() {
        assert!(refused(|p| p.target = Uri::from_static("https://a:1")).contains("https://a:1"));
        assert!(refused(|p| p.phases.clear()).starts_with("phases"));
        let silent = "ramp:0-0:5".parse().unwrap();
        assert!(refused(|p| p.phases = vec![silent]).contains("ramp:0-0:5"));
        let negative = "soak:-1:5".parse().unwrap();
        assert!(refused(|p| p.phases = vec![negative]).contains("soak:-1:5"));
        let empty = "spike:5:0".parse().unwrap();
        assert!(refused(|p| p.phases = vec![empty]).contains("spike:5:0"));
        assert!(refused(|p| p.mix.clear()).starts_with("mix"));
        assert!(refused(|p| p.mix[0].1 = 0.0).contains("browse=0"));
        assert!(refused(|p| p.hosts = vec!["a b".into()]).contains("a b"));
        assert!(refused(|p| p.hosts = vec!["user@host".into()]).starts_with("host"));
        assert!(refused(|p| p.run = "A".into()).starts_with("run"));
        assert!(refused(|p| p.think_scale = f64::NAN).starts_with("think_scale"));
        assert!(refused(|p| p.max_underway = 0).starts_with("max_underway"));
        assert!(refused(|p| p.checkout_attempts = 0).starts_with("checkout_attempts"));
        assert!(refused(|p| p.timeout = Duration::ZERO).starts_with("timeout"));
        assert!(refused(|p| p.pause = Duration::ZERO).starts_with("pause"));
        assert!(refused(|p| p.order_wait = Duration::MAX).starts_with("order_wait"));
        assert!(refused(|p| p.drain = Duration::MAX).starts_with("drain"));
    }

    #[test]
    fn phases_are_read_and_written_alike() {
        for text in ["ramp:0.5-20:60", "spike:100:5", "soak:20:600"] {
            let phase: Phase = text.parse().unwrap();
            assert_eq!(phase.to_string(), text);
        }
        for text in [
            "",
            "soak",
            "soak:5",
            "soak:x:5",
            "soak:5:-1",
            "ramp:5:5",
            "calm:5:5",
        ] {
            let error = text.parse::<Phase>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn journeys_of_all_phases_come_in_order() {
        let target = Uri::from_static("http://127.0.0.1:1");
        let phases = ["ramp:0-50:10", "spike:100:5", "soak:20:10"];
        let phases = phases.map(|text| text.parse().unwrap()).to_vec();
        let plan = Plan::new(target, phases);
        assert_eq!(plan.duration(), Duration::from_secs(25));
        let starts: Vec<f64> = plan.schedule().map(|a| a.at.as_secs_f64()).collect();
        assert!(starts.is_sorted());
        let within = |from: f64, to: f64| {
            let count = starts.iter().filter(|at| (from..to).contains(at)).count();
            count as i64
        };
        // Four standard deviations.
        assert!((within(0.0, 10.0) - 250).abs() < 64);
        assert!((within(10.0, 15.0) - 500).abs() < 90);
        assert!((within(15.0, 25.1) - 200).abs() < 57);
    }
}
