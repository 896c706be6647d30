//! `simulator eval`: runs policies against each other.

use super::{
    output::{check_writable, write_text},
    report::reference,
    scenarios,
};
use anyhow::{Context as _, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lb_simulator::{
    contender::{self, Contender, Models},
    evaluation::{self, ContenderInfo, FamilyResults, Round},
    report::{FORMAT, Report, html, text},
};
use std::{
    env,
    io::Write,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Arguments of `eval`.
#[derive(Args, Debug)]
pub(super) struct EvalArgs {
    /// Family files, or folders of them.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    scenarios: Vec<PathBuf>,
    /// `all`, or policies with parameters: `peak_ewma:choices=2,error_factor=0,c3,onnx`.
    #[arg(long, default_value = "all", num_args = 1.., value_name = "LIST")]
    policies: Vec<String>,
    /// Model folders for learned policies.
    #[arg(long, num_args = 1.., value_name = "NAME=DIR|DIR")]
    model: Vec<String>,
    /// Scenarios drawn of each family.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// First seed. Default: a fresh one, by the clock.
    #[arg(long)]
    seed_base: Option<u64>,
    /// Threads. Default: one for each core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Report with everything, as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Report as an HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Take ratios to this policy, not to the best hand-written one of each family.
    #[arg(long, value_name = "POLICY")]
    baseline: Option<String>,
    /// Print the table over all families only.
    #[arg(long)]
    brief: bool,
}

/// Runs, prints tables, and writes the reports that are asked for.
pub(super) fn eval(args: &EvalArgs, out: &mut impl Write) -> Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seed_base = args.seed_base.unwrap_or_else(|| fresh_seed(now));
    let models = Models::load(&args.model)?;
    let contenders = contender::contenders(&args.policies, &models)?;
    let families = scenarios::load(&args.scenarios)?;
    let rounds = scenarios::draw(&families, seed_base, args.seeds)?;
    for path in [&args.out, &args.html].into_iter().flatten() {
        check_writable(path)?;
    }
    writeln!(out, "seeds {seed_base} to {}", seed_base + (args.seeds - 1))?;

    let families = race(&rounds, &contenders, args.threads)?;
    let report = Report {
        format: FORMAT,
        made_at_unix: now.as_secs(),
        command: env::args().collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed_base,
        contenders: contenders.iter().map(ContenderInfo::of).collect(),
        families,
    };
    evaluation::check(&report.contenders, &report.families)?;
    finish(args, &report, out)
}

fn finish(args: &EvalArgs, report: &Report, out: &mut impl Write) -> Result<()> {
    let summary = report.summary(reference(report, args.baseline.as_deref())?);
    if let Some(path) = &args.out {
        report.write(&summary, path)?;
    }
    if let Some(path) = &args.html {
        write_text(path, &html(report, &summary)?)?;
    }
    writeln!(out, "{}", text(&summary, args.brief)).context("cannot write the tables")
}

fn race(rounds: &[Round], contenders: &[Contender], threads: usize) -> Result<Vec<FamilyResults>> {
    let seeds: usize = rounds.iter().map(|round| round.seeds.len()).sum();
    let bar = progress((seeds * contenders.len()) as u64)?;
    let results = evaluation::run(rounds, contenders, threads, &|| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(results)
}

/// On standard error, and silent where that is no terminal.
fn progress(runs: u64) -> Result<ProgressBar> {
    let bar = ProgressBar::new(runs);
    let template = "{bar:40} {pos}/{len} runs, {elapsed} gone, {eta} left";
    bar.set_style(ProgressStyle::with_template(template)?);
    bar.enable_steady_tick(Duration::from_millis(500));
    Ok(bar)
}

/// Small enough for every reader of JSON.
fn fresh_seed(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0)
}
