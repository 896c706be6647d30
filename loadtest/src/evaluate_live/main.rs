//! `evaluate-live`: compares policies on real HTTP over loopback, in interleaved blocks, and writes
//! a report. See docs/evaluation/live.md.
//!
//! A module uses only modules above its own line.

mod statistics;

mod policy;

mod faults;

mod processor;

mod stage;

mod block;
mod rounds;

mod compare;
mod gate;
mod simulated;
mod validity;

mod report;

mod cli;

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use cli::{Cli, Evaluation};
use report::{Conditions, Report};
use stage::Stage;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let load = cli.load().unwrap_or_else(|wrong| wrong.exit());
    match cli.evaluation(load).and_then(evaluate) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to report to when stderr itself is closed.
            drop(writeln!(io::stderr(), "evaluate-live: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs to the end or to the first signal. Nothing it started is left, whatever the end.
#[tokio::main]
async fn evaluate(evaluation: Evaluation) -> Result<()> {
    let interrupted = interrupted()?;
    let report = tokio::select! {
        report = measure(&evaluation) => report?,
        () = interrupted => bail!("interrupted; everything is stopped"),
    };
    report.write(&evaluation.out)?;
    write!(io::stdout(), "{}", report.text()).context("cannot write the report")?;
    match report.refusal() {
        None => Ok(()),
        Some(reason) => bail!("nothing can be claimed from this run: {reason}"),
    }
}

async fn measure(evaluation: &Evaluation) -> Result<Report> {
    let Evaluation {
        load,
        seed,
        rounds,
        out,
        ..
    } = evaluation;
    // First, so that minutes of measuring are not lost to a folder that cannot be written.
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let policies = evaluation.policies.as_slice();
    let mut stage = Stage::set(&evaluation.parts, policies).await?;
    let blocks = rounds::blocks(policies, *rounds, *load, *seed);
    let measured = rounds::run(&mut stage, &blocks).await?;
    let learned = stage.serving().await?;
    Ok(Report::new(
        Conditions::new(*seed, *rounds, *load),
        learned,
        measured,
        evaluation.busy_limit,
        &evaluation.simulated,
    ))
}

/// Resolves when somebody wants the evaluation to end: Ctrl-C, a signal, a closed terminal.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let catch = |kind| signal(kind).context("cannot catch signals");
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut hangup = catch(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
