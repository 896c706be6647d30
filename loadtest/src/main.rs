//! `loadgen`: sends a load and prints what came back. Exit 0 when anything was answered, 1 when
//! nothing was, 2 on wrong usage.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use loadtest::{Progress, Report, run_with_progress};

use cli::Cli;

fn main() -> ExitCode {
    let (plan, output) = Cli::parse().plan().unwrap_or_else(|wrong| wrong.exit());
    match measure(plan, output) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to report to when stderr itself is closed.
            drop(writeln!(io::stderr(), "loadgen: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs and prints; tells whether anything was answered.
#[tokio::main]
async fn measure(plan: loadtest::Plan, output: cli::Output) -> anyhow::Result<bool> {
    let progress = Progress::new();
    let watcher = (!output.quiet).then(|| tokio::spawn(watch(progress.clone())));
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let report = run_with_progress(plan, progress, interrupted).await?;
    if let Some(watcher) = watcher {
        watcher.abort();
    }
    print(&report, output.json).context("cannot write the report")?;
    Ok(report.counts.answered() > 0)
}

/// One line a second on stderr.
async fn watch(progress: Progress) {
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    every_second.tick().await;
    loop {
        every_second.tick().await;
        let seen = progress.look();
        let (total, ms) = (&seen.total, &seen.recent_latency_ms);
        let line = format!(
            "{} ended, p50 {:.2} ms, p99 {:.2} ms, {} 5xx, {} without answer, {} not sent so far",
            seen.recent,
            ms.p50,
            ms.p99,
            total.server_errors(),
            total.unanswered(),
            total.overruns,
        );
        if writeln!(io::stderr(), "{line}").is_err() {
            return;
        }
    }
}

fn print(report: &Report, json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut stdout, report)?;
        return writeln!(stdout);
    }
    write!(stdout, "{report}")
}
