//! `demo-shop`: the whole shop on this machine for a minute, one cart instance degraded, and at the
//! end a table that shows whether books and stock agree. Exit 0 when they do, 1 when not or when
//! something fails, 2 on wrong usage.
//!
//! A module uses only modules above its own line.

mod cli;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use loadtest::journeys::{Progress, bar};
use loadtest::shop_run::{Outcome, run};
use tokio::signal::unix::{SignalKind, signal};

use cli::{Cli, Output};

fn main() -> ExitCode {
    match Cli::parse().read().and_then(|wanted| demo(&wanted)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to report to when stderr itself is closed.
            drop(writeln!(io::stderr(), "demo-shop: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs to the end or to the first signal, and tells; whether everything agrees. Nothing that was
/// started is left, whatever the end.
#[tokio::main]
async fn demo((setting, output): &(loadtest::shop_run::Setting, Output)) -> Result<bool> {
    let progress = Progress::new();
    let watcher = tokio::spawn(bar::watch(progress.clone(), setting.length));
    let outcome = tokio::select! {
        outcome = run(setting, progress) => outcome,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    watcher.abort();
    // Its error says that it was aborted; after it nothing more is written to the terminal.
    drop(watcher.await);
    bar::clear();
    let outcome = outcome?;
    write!(io::stdout(), "{outcome}").context("cannot write the outcome")?;
    write_files(&outcome, output)?;
    Ok(outcome.trial.passes())
}

/// Returns at SIGINT or SIGTERM.
async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

fn write_files(outcome: &Outcome, output: &Output) -> Result<()> {
    if let Some(path) = &output.json {
        let mut file = BufWriter::new(create(path)?);
        serde_json::to_writer_pretty(&mut file, outcome).with_context(|| cannot_write(path))?;
        file.flush().with_context(|| cannot_write(path))?;
    }
    if let Some(path) = &output.html {
        let page = outcome.journeys.html();
        let written = create(path)?.write_all(page.as_bytes());
        written.with_context(|| cannot_write(path))?;
    }
    Ok(())
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
