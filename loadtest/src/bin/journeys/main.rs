//! `journeys`: sends shoppers through the shop and prints what they met. Exit 0 when anything was
//! answered, 1 when nothing was or a file cannot be written, 2 on wrong usage.

mod cli;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use loadtest::journeys::{Plan, Progress, Report, bar, run_with_progress};

use cli::{Cli, Output};

fn main() -> ExitCode {
    let (plan, output) = Cli::parse().plan().unwrap_or_else(|wrong| wrong.exit());
    match measure(plan, output) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to report to when stderr itself is closed.
            drop(writeln!(io::stderr(), "journeys: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs and tells; whether anything was answered.
#[tokio::main]
async fn measure(plan: Plan, output: Output) -> anyhow::Result<bool> {
    // First, so that minutes of measuring are not lost to a file that cannot be written.
    let json = opened(output.json)?;
    let html = opened(output.html)?;
    let progress = Progress::new();
    let watched = bar::watch(progress.clone(), plan.duration());
    let watcher = (!output.quiet).then(|| tokio::spawn(watched));
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let report = run_with_progress(plan, progress, interrupted).await?;
    if let Some(watcher) = watcher {
        watcher.abort();
        // Its error says that it was aborted; after it nothing more is written to the terminal.
        drop(watcher.await);
        bar::clear();
    }
    write!(io::stdout(), "{report}").context("cannot write the report")?;
    write_files(&report, json, html)?;
    Ok(report.was_answered())
}

type Opened = Option<(PathBuf, File)>;

fn opened(path: Option<PathBuf>) -> anyhow::Result<Opened> {
    let open = |path: PathBuf| {
        let file = File::create(&path).with_context(|| cannot_write(&path))?;
        Ok((path, file))
    };
    path.map(open).transpose()
}

fn write_files(report: &Report, json: Opened, html: Opened) -> anyhow::Result<()> {
    if let Some((path, file)) = json {
        let mut file = BufWriter::new(file);
        serde_json::to_writer(&mut file, report).with_context(|| cannot_write(&path))?;
        file.flush().with_context(|| cannot_write(&path))?;
    }
    if let Some((path, mut file)) = html {
        let written = file.write_all(report.html().as_bytes());
        written.with_context(|| cannot_write(&path))?;
    }
    Ok(())
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
