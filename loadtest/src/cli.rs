//! The command line and the plan it means.

use std::str::FromStr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use http::{HeaderName, HeaderValue, Method, Uri};
use loadtest::{Arrivals, Kind, Plan, Step};

/// Open-loop HTTP/1.1 load: requests start at their times, whatever the server does.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version)]
pub(crate) struct Cli {
    /// Where to: http://host:port, with the path unless --mix is given.
    url: Uri,

    /// Requests per second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,

    /// How long, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,

    /// A rate for a time, RATE:SECONDS; may be repeated; replaces --rate and --seconds.
    #[arg(long = "step", value_name = "RATE:SECONDS", conflicts_with_all = ["rate", "seconds"])]
    steps: Vec<WrittenStep>,

    /// A kind of request, "WEIGHT METHOD PATH" and maybe BODY_BYTES; may be repeated.
    #[arg(long = "mix", value_name = "KIND")]
    mix: Vec<WrittenKind>,

    /// A header of every request, "name: value"; may be repeated.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<WrittenHeader>,

    /// The first seconds of the load that are sent but not counted.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    warm_up: f64,

    /// How arrivals are spread.
    #[arg(long, value_enum, default_value_t = Spread::Poisson)]
    arrivals: Spread,

    /// Same seed, same arrivals.
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Longest time for one answer, in seconds from the intended start.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,

    /// Most requests underway; further ones are not sent and counted.
    #[arg(long, default_value_t = 1000)]
    max_outstanding: usize,

    /// Count answers by the values of this header.
    #[arg(long, value_name = "NAME")]
    count_header: Option<HeaderName>,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,

    /// No progress lines on stderr.
    #[arg(long)]
    quiet: bool,
}

/// How to tell what happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spread {
    Poisson,
    Fixed,
}

#[derive(Clone, Copy, Debug)]
struct WrittenStep {
    rate_per_s: f64,
    seconds: f64,
}

#[derive(Clone, Debug)]
struct WrittenKind(Kind);

#[derive(Clone, Debug)]
struct WrittenHeader(HeaderName, HeaderValue);

impl Cli {
    /// The plan asked for.
    ///
    /// # Errors
    /// A value out of range, as a usage error.
    pub(crate) fn plan(self) -> Result<(Plan, Output), clap::Error> {
        let output = Output {
            json: self.json,
            quiet: self.quiet,
        };
        let plan = Plan {
            steps: self.steps()?,
            warm_up: seconds("--warm-up", self.warm_up)?,
            mix: self.mix(),
            arrivals: match self.arrivals {
                Spread::Poisson => Arrivals::Poisson,
                Spread::Fixed => Arrivals::Fixed,
            },
            seed: self.seed,
            timeout: seconds("--timeout", self.timeout)?,
            max_outstanding: self.max_outstanding,
            count_header: self.count_header,
            target: self.url,
        };
        plan.check().map_err(usage)?;
        Ok((plan, output))
    }

    fn steps(&self) -> Result<Vec<Step>, clap::Error> {
        let only = WrittenStep {
            rate_per_s: self.rate,
            seconds: self.seconds,
        };
        let written = match self.steps.as_slice() {
            [] => &[only],
            steps => steps,
        };
        let step = |written: &WrittenStep| {
            Ok(Step {
                rate_per_s: written.rate_per_s,
                duration: seconds("seconds", written.seconds)?,
            })
        };
        written.iter().map(step).collect()
    }

    fn mix(&self) -> Vec<Kind> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut mix = vec![Kind::get(path)];
        if !self.mix.is_empty() {
            mix = self.mix.iter().map(|written| written.0.clone()).collect();
        }
        for kind in &mut mix {
            let headers = self.headers.iter();
            kind.headers = headers.map(|h| (h.0.clone(), h.1.clone())).collect();
        }
        mix
    }
}

impl FromStr for WrittenStep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(rate, seconds)| {
            Some(WrittenStep {
                rate_per_s: rate.parse().ok()?,
                seconds: seconds.parse().ok()?,
            })
        });
        parts.ok_or_else(|| "expected RATE:SECONDS, such as 500:10".to_owned())
    }
}

impl FromStr for WrittenKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected WEIGHT METHOD PATH [BODY_BYTES], such as 3 GET /api".to_owned();
        let mut words = text.split_whitespace();
        let kind = Kind {
            weight: words
                .next()
                .and_then(|w| w.parse().ok())
                .ok_or_else(expected)?,
            method: words
                .next()
                .and_then(|w| Method::from_str(w).ok())
                .ok_or_else(expected)?,
            path: words.next().ok_or_else(expected)?.to_owned(),
            headers: Vec::new(),
            body_bytes: words
                .next()
                .unwrap_or("0")
                .parse()
                .map_err(|_| expected())?,
        };
        match words.next() {
            None => Ok(WrittenKind(kind)),
            Some(_) => Err(expected()),
        }
    }
}

impl FromStr for WrittenHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let header = text.split_once(':').and_then(|(name, value)| {
            let name = name.trim().parse().ok()?;
            Some(WrittenHeader(name, value.trim().parse().ok()?))
        });
        header.ok_or_else(|| "expected \"name: value\"".to_owned())
    }
}

fn seconds(option: &str, value: f64) -> Result<Duration, clap::Error> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| usage(format!("{option}: {value} is no number of seconds")))
}

fn usage(problem: impl std::fmt::Display) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, clap::Error> {
        let command = ["loadgen"].iter().chain(arguments);
        let (plan, _) = Cli::try_parse_from(command)?.plan()?;
        Ok(plan)
    }

    #[test]
    fn a_url_alone_is_a_get_of_its_path() {
        let plan = plan(&["http://127.0.0.1:8080/a?b=1"]).unwrap();
        assert_eq!(plan.mix[0].path, "/a?b=1");
        assert_eq!(plan.duration(), Duration::from_secs(10));
    }

    #[test]
    fn steps_mix_and_headers_are_read() {
        let plan = plan(&[
            "http://a:1",
            "--step",
            "10:5",
            "--step",
            "100:2.5",
            "--mix",
            "3 GET /x",
            "--mix",
            "1 POST /y 512",
            "--header",
            "x-k: v",
        ])
        .unwrap();
        assert_eq!(plan.duration(), Duration::from_millis(7500));
        let kinds: Vec<_> = plan
            .mix
            .iter()
            .map(|k| (k.path.as_str(), k.body_bytes))
            .collect();
        assert_eq!(kinds, [("/x", 0), ("/y", 512)]);
        assert!(plan.mix.iter().all(|kind| kind.headers.len() == 1));
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [
            &[][..],
            &["https://a:1"],
            &["http://a:1", "--rate", "0"],
            &["http://a:1", "--seconds=-1"],
            &["http://a:1", "--timeout", "0"],
            &["http://a:1", "--seconds", "5", "--warm-up", "5"],
            &["http://a:1", "--step", "10"],
            &["http://a:1", "--step", "10:1", "--rate", "5"],
            &["http://a:1", "--mix", "GET /x"],
            &["http://a:1", "--mix", "1 GET x"],
            &["http://a:1", "--header", "novalue"],
        ] {
            let error = plan(arguments).expect_err("should be refused");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
