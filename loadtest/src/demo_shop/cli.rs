//! The command line, and the run that it means.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use loadtest::processes::program;
use loadtest::shop_run::{Programs, Setting, State};

/// The six services of the shop, two or three instances of each, behind the proxy on this machine;
/// shoppers, one cart instance degraded, and whether everything adds up at the end.
#[derive(Debug, Parser)]
#[command(name = "demo-shop", version)]
pub(crate) struct Cli {
    /// How long journeys begin, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,

    /// Journeys per second.
    #[arg(long, default_value_t = 6.0, value_parser = rate)]
    rate: f64,

    /// Seed of journeys and service times.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Mean delay of each request at the degraded cart instance, in ms; 0 leaves it well.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    delay_ms: u64,

    /// Kill (SIGKILL) one instance of each service meanwhile.
    #[arg(long)]
    kill: bool,

    /// Without Redis, even where `redis-server` is installed.
    #[arg(long)]
    no_redis: bool,

    /// State in that PostgreSQL database rather than in SQLite.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Model of the learned policy: a folder of versions, or of one.
    #[arg(long, default_value = "models/default", value_name = "DIR")]
    model: PathBuf,

    /// Write the outcome as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the report of the journeys as one HTML page with charts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The proxy [default: ai-loadbalancer beside this program].
    #[arg(long, value_name = "PROGRAM")]
    proxy: Option<PathBuf>,

    /// The services [default: services-mock beside this program].
    #[arg(long, value_name = "PROGRAM")]
    services_mock: Option<PathBuf>,
}

/// Files to write beside the table.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) json: Option<PathBuf>,
    pub(crate) html: Option<PathBuf>,
}

impl Cli {
    /// The run asked for, its programs looked for.
    ///
    /// # Errors
    /// A program or model that is missing.
    pub(crate) fn read(self) -> Result<(Setting, Output)> {
        let model = self.model.canonicalize();
        let redis = match self.no_redis {
            true => None,
            false => installed("redis-server"),
        };
        let setting = Setting {
            programs: Programs {
                proxy: program(self.proxy, "--proxy", "ai-loadbalancer")?,
                services_mock: program(self.services_mock, "--services-mock", "services-mock")?,
                redis,
                model: model.with_context(|| format!("--model {}", self.model.display()))?,
            },
            state: self.database_url.map_or(State::Sqlite, State::Postgres),
            length: Duration::from_secs(self.seconds.into()),
            rate_per_s: self.rate,
            seed: self.seed,
            delay_ms: self.delay_ms,
            kill: self.kill,
        };
        let output = Output {
            json: self.json,
            html: self.html,
        };
        Ok((setting, output))
    }
}

/// A program on the PATH.
fn installed(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let files = env::split_paths(&folders).map(|folder| folder.join(name));
    files.into_iter().find(|file| file.is_file())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    match rate > 0.0 && rate <= 1000.0 {
        true => Ok(rate),
        false => Err("expected above 0, at most 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> bool {
        let command = ["demo-shop"].iter().chain(arguments);
        Cli::try_parse_from(command).is_err()
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [
            ["--seconds", "0"],
            ["--rate", "0"],
            ["--rate", "NaN"],
            ["--delay-ms", "60001"],
            ["--seed", "-1"],
        ] {
            assert!(refused(&arguments), "{arguments:?}");
        }
        assert!(!refused(&[]));
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let arguments = ["demo-shop", "--model", "/", "--proxy", "/nowhere/proxy"];
        let cli = Cli::try_parse_from(arguments).unwrap();
        let error = format!("{:#}", cli.read().unwrap_err());
        assert!(error.contains("/nowhere/proxy"), "{error}");
    }

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(installed("sh").is_some());
        assert!(installed("no-such-program").is_none());
    }
}
