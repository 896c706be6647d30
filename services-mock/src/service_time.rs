//! Distributions of the time one request takes in service, written like `lognormal:mean=10ms,sigma=0.8`.

use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

use rand::{Rng, RngExt};

use crate::duration_text::parse_duration;

/// How long a request is served, without queueing. Draws are cut at 60 s.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceTime {
    /// Always the same: `fixed:5ms`.
    Fixed(Duration),
    /// Memoryless around a mean: `exp:10ms`.
    Exponential {
        /// Mean of the draws.
        mean: Duration,
    },
    /// Log-normal, the usual shape of request times: `lognormal:mean=10ms,sigma=0.8`.
    LogNormal {
        /// Mean of the draws (not the median).
        mean: Duration,
        /// Standard deviation of the logarithm, 0 to 5.
        sigma: f64,
    },
    /// Heavy tail: `pareto:mean=10ms,alpha=2.5`.
    Pareto {
        /// Mean of the draws before the cut at 60 s.
        mean: Duration,
        /// Tail index above 1 (the mean is infinite at 1), at most 100.
        alpha: f64,
    },
}

/// A text that describes no distribution; says what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("service time {text:?}: {problem}")]
pub struct BadServiceTime {
    text: String,
    problem: String,
}

/// Without a cut one Pareto draw could hold a slot for the rest of the run.
const LONGEST: Duration = Duration::from_secs(60);

impl ServiceTime {
    /// Draws one service time from the distribution.
    pub fn sample(&self, rng: &mut impl Rng) -> Duration {
        let seconds = match *self {
            ServiceTime::Fixed(time) => return time.min(LONGEST),
            ServiceTime::Exponential { mean } => -mean.as_secs_f64() * open_unit(rng).ln(),
            ServiceTime::LogNormal { mean, sigma } => {
                let mu = mean.as_secs_f64().ln() - sigma * sigma / 2.0;
                (mu + sigma * standard_normal(rng)).exp()
            }
            ServiceTime::Pareto { mean, alpha } => {
                let smallest = mean.as_secs_f64() * (alpha - 1.0) / alpha;
                smallest / open_unit(rng).powf(1.0 / alpha)
            }
        };
        Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))
    }
}

impl FromStr for ServiceTime {
    type Err = BadServiceTime;

    fn from_str(text: &str) -> Result<Self, BadServiceTime> {
        parse(text).map_err(|problem| BadServiceTime {
            text: text.to_owned(),
            problem,
        })
    }
}

fn parse(text: &str) -> Result<ServiceTime, String> {
    let (shape, arguments) = text
        .split_once(':')
        .ok_or("expected a shape and its arguments, such as exp:10ms")?;
    let arguments = Arguments::read(arguments)?;
    match shape {
        "fixed" => Ok(ServiceTime::Fixed(arguments.only_mean()?)),
        "exp" => Ok(ServiceTime::Exponential {
            mean: arguments.only_mean()?,
        }),
        "lognormal" => Ok(ServiceTime::LogNormal {
            mean: arguments.mean()?,
            sigma: arguments.shape_number("sigma", 0.0, 5.0)?,
        }),
        "pareto" => Ok(ServiceTime::Pareto {
            mean: arguments.mean()?,
            alpha: arguments.shape_number("alpha", 1.001, 100.0)?,
        }),
        _ => Err(format!(
            "unknown shape {shape:?}; expected fixed, exp, lognormal or pareto"
        )),
    }
}

/// What follows the colon: a mean, bare or as `mean=`, and at most one further `key=number`.
struct Arguments<'a> {
    mean: Option<Duration>,
    shape: Option<(&'a str, &'a str)>,
}

impl<'a> Arguments<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut arguments = Arguments {
            mean: None,
            shape: None,
        };
        for part in text.split(',') {
            let (key, value) = part.split_once('=').unwrap_or(("mean", part));
            let given_before = if key == "mean" {
                let mean = parse_duration(value).map_err(|error| error.to_string())?;
                arguments.mean.replace(mean).is_some()
            } else {
                arguments.shape.replace((key, value)).is_some()
            };
            if given_before {
                return Err(format!("{part:?} is one argument too many"));
            }
        }
        Ok(arguments)
    }

    fn mean(&self) -> Result<Duration, String> {
        self.mean.ok_or_else(|| "mean is missing".to_owned())
    }

    fn only_mean(&self) -> Result<Duration, String> {
        match self.shape {
            Some((key, _)) => Err(format!("unknown argument {key:?}")),
            None => self.mean(),
        }
    }

    fn shape_number(&self, name: &str, low: f64, high: f64) -> Result<f64, String> {
        let (key, value) = self.shape.ok_or_else(|| format!("{name} is missing"))?;
        if key != name {
            return Err(format!("unknown argument {key:?}; expected {name}"));
        }
        value
            .parse()
            .ok()
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| format!("{name} must be a number from {low} to {high}, got {value:?}"))
    }
}

/// Uniform in (0, 1], so that its logarithm is finite.
fn open_unit(rng: &mut impl Rng) -> f64 {
    1.0 - rng.random::<f64>()
}

/// Box and Muller's transform.
fn standard_normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * open_unit(rng).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn mean_ms(text: &str) -> f64 {
        let distribution: ServiceTime = text.parse().unwrap();
        let mut rng = StdRng::seed_from_u64(7);
        let draws = 100_000;
        let total: f64 = (0..draws)
            .map(|_| distribution.sample(&mut rng).as_secs_f64())
            .sum();
        total / f64::from(draws) * 1e3
    }

    #[test]
    fn every_shape_has_the_mean_it_was_given() {
        for text in [
            "fixed:10ms",
            "exp:10ms",
            "exp:mean=10ms",
            "lognormal:mean=10ms,sigma=0.8",
            "pareto:mean=10ms,alpha=3",
        ] {
            let mean = mean_ms(text);
            assert!((9.7..10.3).contains(&mean), "{text}: mean {mean} ms");
        }
    }

    #[test]
    fn a_zero_mean_takes_no_time() {
        for text in [
            "fixed:0ms",
            "exp:0ms",
            "lognormal:0s,sigma=1",
            "pareto:0s,alpha=2",
        ] {
            let drawn = mean_ms(text);
            assert!(drawn.abs() < f64::EPSILON, "{text}: {drawn} ms");
        }
    }

    #[test]
    fn the_heaviest_tail_is_cut_at_a_minute() {
        let distribution: ServiceTime = "pareto:mean=1s,alpha=1.001".parse().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let longest = (0..100_000).map(|_| distribution.sample(&mut rng)).max();
        assert!(longest <= Some(LONGEST));
    }

    #[test]
    fn the_same_seed_draws_the_same_times() {
        let distribution: ServiceTime = "exp:10ms".parse().unwrap();
        let draw = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            [(); 5].map(|()| distribution.sample(&mut rng))
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn a_wrong_text_is_refused_with_its_problem() {
        for (text, part) in [
            ("10ms", "shape"),
            ("normal:10ms", "normal"),
            ("exp:", "no duration"),
            ("exp:10ms,sigma=1", "sigma"),
            ("lognormal:mean=10ms", "sigma is missing"),
            ("lognormal:mean=10ms,sigma=-1", "sigma must be"),
            ("lognormal:sigma=1", "mean is missing"),
            ("lognormal:1ms,2ms,sigma=1", "too many"),
            ("pareto:mean=10ms,alpha=1", "alpha must be"),
            ("pareto:mean=10ms,alpha=NaN", "alpha must be"),
        ] {
            let error = text.parse::<ServiceTime>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
