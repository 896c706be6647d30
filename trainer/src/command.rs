//! What the command line can do: `train` in simulation, `fit` to logs.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use lb_policy::features::schema_id;
use lb_simulator::family::Family;
use lb_trainer::{
    progress::Progress,
    publish::{Destination, Provenance, publish},
    settings::Settings,
    train::train,
    work_folder::{Identity, WorkFolder},
};
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
}

#[derive(Debug, Args)]
struct TrainArguments {
    /// Settings; without, the defaults (docs/training.md).
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Where the version goes, NAME/NUMBER at the end.
    #[arg(long, default_value = "models/default/2")]
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

impl Arguments {
    /// Does what was asked for.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match &self.task {
            Task::Train(arguments) => arguments.run(),
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
