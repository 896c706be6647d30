//! What the command line can do: `train` in simulation, `fit` to logs.

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand};
use lb_policy::features::schema_id;
use lb_simulator::family::Family;
use lb_trainer::{
    fit::FitOptions,
    log_data::read_logs,
    log_fit::{LogReport, fit_log},
    progress::Progress,
    publish::{Destination, Provenance, publish},
    settings::{FitSettings, NetworkSettings, Settings},
    train::train,
    weights::Weights,
    work_folder::{Identity, WorkFolder},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, fs, path::Path, path::PathBuf, process::Command};

/// Trains models that choose upstream endpoints.
#[derive(Debug, Parser)]
#[command(name = "trainer", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Train in simulation: gather, fit, validate, search, export.
    Train(TrainArguments),
    /// Fit a model further to logged decisions.
    Fit(FitArguments),
}

#[derive(Debug, Args)]
struct TrainArguments {
    /// Settings; without, the defaults (docs/training.md).
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Where the version goes, NAME/NUMBER at the end.
    #[arg(long)]
    out: PathBuf,
    /// Where checkpoints are kept; the same folder and settings go on after an interruption.
    #[arg(long, default_value = "target/training")]
    work: PathBuf,
    /// Seed, instead of that of the settings.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads, instead of those of the settings.
    #[arg(long)]
    threads: Option<usize>,
    /// Only try whether it runs: a few scenarios, a model that is worth little.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Args)]
struct FitArguments {
    /// Logs of decisions, .parquet or .jsonl.
    #[arg(long, required = true, num_args = 1..)]
    log: Vec<PathBuf>,
    /// The trained version to start from; without, the hand-set model.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Where the version goes, NAME/NUMBER at the end.
    #[arg(long)]
    out: PathBuf,
    /// Passes over the decisions.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    epochs: u16,
    /// Adam's first step.
    #[arg(long, default_value_t = 6e-4)]
    learning_rate: f32,
    /// Decisions that are kept in memory, drawn evenly from more.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..))]
    limit: u32,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// `training.json` of a fit to logs.
#[derive(Debug, Serialize)]
struct FitRecord<'a> {
    #[serde(flatten)]
    provenance: &'a Provenance,
    report: LogReport,
}

impl Arguments {
    /// Does what was asked for.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match &self.task {
            Task::Train(arguments) => arguments.run(),
            Task::Fit(arguments) => arguments.run(),
        }
    }
}

impl TrainArguments {
    fn run(&self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let destination = Destination::parse(&self.out)?;
        destination.check_free()?;
        let family = Family::load(&settings.scenarios)?;
        let identity = Identity {
            settings: settings.clone(),
            scenarios_sha256: sha256_of(&settings.scenarios)?,
            schema: schema_id().to_owned(),
        };
        let work = WorkFolder::open(&self.work, &identity)?;
        let progress = Progress::visible();
        let trained = train(&family, &settings, &work, &progress)?;
        progress.finish();
        publish(&trained, &settings, &provenance(), &destination)?;
        progress.line(&format!(
            "{}: {}, J {:.4}",
            self.out.display(),
            trained.history.chosen,
            trained.history.score.objective
        ));
        Ok(())
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = match &self.settings {
            Some(path) => Settings::load(path)?,
            None => Settings::default(),
        };
        settings.seed = self.seed.unwrap_or(settings.seed);
        settings.threads = self.threads.unwrap_or(settings.threads);
        if self.quick {
            settings = settings.quick();
        }
        settings.check()?;
        Ok(settings)
    }
}

impl FitArguments {
    fn run(&self) -> anyhow::Result<()> {
        let rate = self.learning_rate;
        ensure!(
            rate > 0.0 && rate < 1.0,
            "--learning-rate: {rate} is not between 0 and 1"
        );
        let destination = Destination::parse(&self.out)?;
        destination.check_free()?;
        let start = self.start()?;
        let progress = Progress::visible();
        let data = read_logs(&self.log, self.limit as usize, self.seed)?;
        progress.line(&format!("{:?}", data.counts));
        let fitted = fit_log(start, &data, &self.options(), &progress)?;
        progress.finish();
        let LogReport {
            training,
            start_loss,
            fitted_loss,
            ..
        } = fitted.report;
        let provenance = provenance();
        let record = FitRecord {
            provenance: &provenance,
            report: fitted.report,
        };
        let json = serde_json::to_string_pretty(&record).context("cannot write the record")?;
        destination.write("training.json", &(json + "\n"))?;
        let Provenance { command, commit } = &provenance;
        let training = format!("{command}; commit {commit}, {training} logged decisions");
        destination.write_model(&fitted.weights, &fitted.ranges, &training)?;
        progress.line(&format!(
            "loss over the held-out decisions {fitted_loss:.4}, of the start {start_loss:.4}\n\
             These are choices of the policy that was logged: a lower loss is no proof that \
             requests fare better. Shadow the model, or evaluate it in simulation, before it serves."
        ));
        Ok(())
    }

    fn start(&self) -> anyhow::Result<Weights> {
        match &self.from {
            Some(dir) => Weights::load(dir),
            None => {
                let widths = NetworkSettings::default();
                Weights::heuristic(self.seed, widths.first, widths.second)
            }
        }
    }

    fn options(&self) -> FitOptions {
        let settings = FitSettings::default();
        FitOptions {
            learning_rate: self.learning_rate,
            batch: settings.batch,
            epochs: usize::from(self.epochs),
            gradient_limit: settings.gradient_limit,
            focus: 0.0,
            seed: self.seed,
        }
    }
}

/// The command line without the program's folder, and the commit.
fn provenance() -> Provenance {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    Provenance {
        command: format!("trainer {}", arguments.join(" ")),
        commit: commit().unwrap_or_else(|| "unknown".to_owned()),
    }
}

/// The commit of the working folder, with a mark when files differ from it.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(match changes.is_empty() {
        true => commit,
        false => format!("{commit} with changes"),
    })
}

fn sha256_of(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
    }
    Ok(hex)
}
