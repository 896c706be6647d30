//! The command line and the plan it means.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use http::Uri;
use loadtest::journeys::{BadPhase, Phase, Plan, Shopper};

/// Journeys of shoppers through the shop: they begin at their times, whatever the shop does.
#[derive(Debug, Parser)]
#[command(name = "journeys", version)]
pub(crate) struct Cli {
    /// The load balancer in front of the shop.
    #[arg(default_value = "http://127.0.0.1:8080")]
    url: Uri,

    /// ramp:FROM-TO:SECONDS, spike:RATE:SECONDS or soak:RATE:SECONDS, in journeys per second; may
    /// be repeated [default: ramp:0-5:10 soak:5:20]
    #[arg(long = "phase", value_name = "PHASE")]
    phases: Vec<Phase>,

    /// Shoppers by weight, of browse, quick, careful, bulk and impulse.
    #[arg(
        long,
        value_name = "SHOPPER=WEIGHT,...",
        value_delimiter = ',',
        default_value = "browse=40,quick=20,careful=15,bulk=10,impulse=15"
    )]
    mix: Vec<WrittenShare>,

    /// A value of the Host header, drawn once per journey; may be repeated; results are also
    /// grouped by it.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// Same seed, same journeys.
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Part of e-mail addresses and idempotency keys: name it to send a seed to the same shop
    /// again.
    #[arg(long, value_name = "NAME", default_value = "")]
    run: String,

    /// Times to think between steps are multiplied by it.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    think_scale: f64,

    /// Most journeys underway; further ones are not begun and counted.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    max_underway: usize,

    /// Longest time for one answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,

    /// Most requests for one check-out whose outcome is unknown.
    #[arg(long, value_name = "COUNT", default_value_t = 6)]
    checkout_attempts: u32,

    /// Longest time that a placed order is followed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    order_wait: f64,

    /// Longest time after the last phase until journeys underway are cut off, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    drain: f64,

    /// Write the whole report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the report as one HTML page with charts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// No progress on stderr.
    #[arg(long)]
    quiet: bool,
}

/// How to tell what happened, beside the table.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) json: Option<PathBuf>,
    pub(crate) html: Option<PathBuf>,
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug)]
struct WrittenShare(Shopper, f64);

impl Cli {
    /// The plan asked for.
    ///
    /// # Errors
    /// A value out of range, as a usage error.
    pub(crate) fn plan(self) -> Result<(Plan, Output), clap::Error> {
        let output = Output {
            json: self.json,
            html: self.html,
            quiet: self.quiet,
        };
        let phases = match self.phases.as_slice() {
            [] => usual_phases().map_err(usage)?,
            phases => phases.to_vec(),
        };
        let plan = Plan {
            mix: self.mix.iter().map(|share| (share.0, share.1)).collect(),
            hosts: self.hosts,
            seed: self.seed,
            run: self.run,
            timeout: seconds("--timeout", self.timeout)?,
            think_scale: self.think_scale,
            max_underway: self.max_underway,
            checkout_attempts: self.checkout_attempts,
            order_wait: seconds("--order-wait", self.order_wait)?,
            drain: seconds("--drain", self.drain)?,
            ..Plan::new(self.url, phases)
        };
        plan.check().map_err(usage)?;
        Ok((plan, output))
    }
}

fn usual_phases() -> Result<Vec<Phase>, BadPhase> {
    Ok(vec!["ramp:0-5:10".parse()?, "soak:5:20".parse()?])
}

impl FromStr for WrittenShare {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected SHOPPER=WEIGHT, such as quick=20".to_owned();
        let (shopper, weight) = text.split_once('=').ok_or_else(expected)?;
        let weight = weight.parse().map_err(|_| expected())?;
        let shopper: Shopper = shopper.parse().map_err(|e| format!("{e}"))?;
        Ok(WrittenShare(shopper, weight))
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
        let command = ["journeys"].iter().chain(arguments);
        let (plan, _) = Cli::try_parse_from(command)?.plan()?;
        Ok(plan)
    }

    #[test]
    fn nothing_said_is_half_a_minute_of_everything_at_the_load_balancer() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.target, Uri::from_static("http://127.0.0.1:8080"));
        assert_eq!(plan.duration(), Duration::from_secs(30));
        assert_eq!(plan.mix, Plan::new(plan.target.clone(), Vec::new()).mix);
    }

    #[test]
    fn phases_shoppers_and_hosts_are_read() {
        let plan = plan(&[
            "--phase",
            "ramp:1-9:5",
            "--phase",
            "spike:50:2.5",
            "--mix",
            "quick=3,bulk=1",
            "--host",
            "a.example",
            "--host",
            "b.example:81",
        ])
        .unwrap();
        assert_eq!(plan.duration(), Duration::from_millis(7500));
        assert_eq!(plan.mix, [(Shopper::Quick, 3.0), (Shopper::Bulk, 1.0)]);
        assert_eq!(plan.hosts, ["a.example", "b.example:81"]);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [
            &["https://a:1"][..],
            &["http://a:1", "--phase", "calm:5:5"],
            &["--phase", "soak:5:0"],
            &["--mix", "thief=1"],
            &["--mix", "quick"],
            &["--mix", "quick=-1"],
            &["--host", "a b"],
            &["--timeout", "0"],
            &["--think-scale=-1"],
            &["--drain=-1"],
            &["--max-underway", "0"],
            &["--frobnicate"],
        ] {
            let error = plan(arguments).expect_err("should be refused");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
