//! The command line, and what it means.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use loadtest::processes::program;

use crate::block::Load;
use crate::faults::Phase;
use crate::policy::Policies;
use crate::simulated::Simulated;
use crate::stage::Parts;

/// Compares policies on real HTTP: eight unequal services, the proxy, an open-loop load, all on
/// this machine.
///
/// Writes report.txt, report.md and report.json. A missed gate is part of the report and no error.
/// Exit code 1 when something fails or the machine was too busy to claim anything, 2 on wrong usage.
#[derive(Debug, Parser)]
#[command(name = "evaluate-live", version)]
pub(crate) struct Cli {
    /// Names with commas between them, or `all`.
    #[arg(long, default_value = "all", value_name = "LIST")]
    policies: Policies,

    /// Model of the learned policy: a folder of versions, or of one.
    #[arg(long, default_value = "models/default", value_name = "DIR")]
    model: PathBuf,

    /// Rounds of one block for each policy and phase, 1 to 1000.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    /// Length of a block, 1s to 1h.
    #[arg(long, default_value = "4s")]
    block: humantime::Duration,

    /// The beginning of each block that is not counted [default: three eighths of the block].
    #[arg(long, value_name = "DURATION")]
    warm_up: Option<humantime::Duration>,

    /// Requests per second. The healthy services carry 467.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,

    /// Of order, arrivals and faults [default: from the clock].
    #[arg(long)]
    seed: Option<u64>,

    /// Folder for the reports; made if missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Above this median the machine is too busy to claim anything, 1 to 100.
    #[arg(long, default_value_t = 70, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    max_busy: u8,

    /// What the simulator says of a phase, `healthy` or `degraded`: its report with a family
    /// live_healthy or live_degraded, or a JSON object of policy and p99 in seconds; may be repeated.
    #[arg(long, value_name = "PHASE=FILE")]
    simulated: Vec<WrittenSimulated>,

    /// Folder where the proxy writes every decision as JSON lines; made if missing.
    #[arg(long, value_name = "DIR")]
    decision_log: Option<PathBuf>,

    /// The proxy [default: ai-loadbalancer beside this program].
    #[arg(long, value_name = "PROGRAM")]
    proxy: Option<PathBuf>,

    /// The mock service [default: services-mock beside this program].
    #[arg(long, value_name = "PROGRAM")]
    services_mock: Option<PathBuf>,
}

/// What an evaluation is to be.
#[derive(Debug)]
pub(crate) struct Evaluation {
    pub(crate) policies: Policies,
    pub(crate) rounds: usize,
    pub(crate) load: Load,
    pub(crate) seed: u64,
    pub(crate) out: PathBuf,
    /// 0 to 1.
    pub(crate) busy_limit: f64,
    pub(crate) parts: Parts,
    pub(crate) simulated: Vec<Simulated>,
}

#[derive(Clone, Debug)]
struct WrittenSimulated {
    phase: Phase,
    file: PathBuf,
}

const BLOCKS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3600);
/// The generator and the proxy share the machine with the services; more is never idle.
const RATE_MAX: f64 = 5000.0;

impl Cli {
    /// The load asked for.
    ///
    /// # Errors
    /// A value out of range, as a usage error.
    pub(crate) fn load(&self) -> Result<Load, clap::Error> {
        let block = Duration::from(self.block);
        let warm_up = self.warm_up.map_or(block * 3 / 8, Duration::from);
        if !BLOCKS.contains(&block) {
            return Err(usage("--block: expected 1s to 1h"));
        }
        if warm_up >= block {
            return Err(usage("--warm-up: expected less than --block"));
        }
        if !(self.rate > 0.0 && self.rate <= RATE_MAX) {
            return Err(usage(format!(
                "--rate: expected above 0, at most {RATE_MAX}"
            )));
        }
        Ok(Load {
            rate_per_s: self.rate,
            block,
            warm_up,
        })
    }

    /// The evaluation asked for, its files looked at.
    ///
    /// # Errors
    /// A program, model or report of the simulator that is missing or wrong.
    pub(crate) fn evaluation(self, load: Load) -> Result<Evaluation> {
        let seed = self.seed.unwrap_or_else(clock_seed);
        let read = |written: &WrittenSimulated| Simulated::read(written.phase, &written.file);
        let model = self.model.canonicalize();
        let model = model.with_context(|| format!("--model {}", self.model.display()))?;
        Ok(Evaluation {
            simulated: self.simulated.iter().map(read).collect::<Result<_>>()?,
            parts: Parts {
                proxy: program(self.proxy, "--proxy", "ai-loadbalancer")?,
                services_mock: program(self.services_mock, "--services-mock", "services-mock")?,
                model,
                decision_log: self.decision_log,
                seed,
            },
            policies: self.policies,
            rounds: self.rounds.into(),
            load,
            seed,
            out: self.out,
            busy_limit: f64::from(self.max_busy) / 100.0,
        })
    }
}

impl FromStr for WrittenSimulated {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text.split_once('=').ok_or("expected PHASE=FILE")?;
        let phase = Phase::BOTH.into_iter().find(|phase| phase.name() == name);
        Ok(WrittenSimulated {
            phase: phase.ok_or_else(|| format!("{name:?} is neither healthy nor degraded"))?,
            file: file.into(),
        })
    }
}

fn clock_seed() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |time| time.as_secs())
}

fn usage(problem: impl std::fmt::Display) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(arguments: &[&str]) -> Result<Load, clap::Error> {
        let command = ["evaluate-live", "--out", "x"].iter().chain(arguments);
        Cli::try_parse_from(command)?.load()
    }

    #[test]
    fn the_warm_up_follows_the_block_unless_given() {
        let warm_up = |arguments: &[&str]| load(arguments).unwrap().warm_up;
        assert_eq!(warm_up(&[]), Duration::from_millis(1500));
        assert_eq!(warm_up(&["--block", "8s"]), Duration::from_secs(3));
        assert_eq!(warm_up(&["--warm-up", "1s"]), Duration::from_secs(1));
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [
            &["--policies", "learned,best"][..],
            &["--rounds", "0"],
            &["--block", "1ms"],
            &["--block", "4"],
            &["--warm-up", "4s"],
            &["--rate", "0"],
            &["--rate", "NaN"],
            &["--max-busy", "101"],
            &["--simulated", "report.json"],
            &["--simulated", "ill=report.json"],
        ] {
            let error = load(arguments).expect_err("should be refused");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let evaluation = |arguments: &[&str]| {
            let command = ["evaluate-live", "--out", "x"].iter().chain(arguments);
            let cli = Cli::try_parse_from(command).unwrap();
            let load = cli.load().unwrap();
            format!("{:#}", cli.evaluation(load).unwrap_err())
        };
        assert!(evaluation(&["--model", "/nowhere"]).contains("--model /nowhere"));
        let error = evaluation(&["--model", "/", "--proxy", "/nowhere/proxy"]);
        assert!(
            error.contains("/nowhere/proxy") && error.contains("cargo build"),
            "{error}"
        );
        let error = evaluation(&["--model", "/", "--simulated", "healthy=/nowhere/s.json"]);
        assert!(error.contains("/nowhere/s.json"), "{error}");
    }
}
