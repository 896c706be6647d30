//! `simulator run`: one policy on one scenario.

use super::trace::Trace;
use anyhow::{Result, bail};
use clap::Args;
use lb_simulator::{
    contender::{Contender, Models},
    evaluation::{Figures, LatencyFigures, Metric},
    family::Family,
    outcome::RunResult,
    simulation,
};
use std::{io::Write, path::PathBuf};

/// Arguments of `run`.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// Family file.
    file: PathBuf,
    /// The policy, with parameters: `peak_ewma:choices=2`.
    #[arg(long)]
    policy: String,
    /// Seed of the scenario.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Model folder for a learned policy.
    #[arg(long, value_name = "NAME=DIR|DIR")]
    model: Vec<String>,
    /// Write every decision whose result is known by the end, `.parquet` or `.jsonl`.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Runs, prints the figures, and writes the trace that is asked for.
pub(super) fn run(args: &RunArgs, out: &mut impl Write) -> Result<()> {
    let contender = Contender::parse(&args.policy, &Models::load(&args.model)?)?;
    let scenario = Family::load(&args.file)?.draw(args.seed)?;
    let choosers = contender.choosers(scenario.balancers.len());
    let result = match &args.trace {
        None => simulation::run(&scenario, choosers, None),
        Some(path) => {
            let mut trace = Trace::create(path, &scenario.name, &contender)?;
            let result = simulation::run(&scenario, choosers, Some(&mut trace));
            let written = trace.finish()?;
            writeln!(out, "{}: {written} decisions", path.display())?;
            result
        }
    };
    print(&contender, args.seed, &result, out)?;
    match Figures::of(&result).problem() {
        Some(problem) => bail!("{}, seed {}: {problem}", args.file.display(), args.seed),
        None => Ok(()),
    }
}

fn print(contender: &Contender, seed: u64, result: &RunResult, out: &mut impl Write) -> Result<()> {
    let figures = Figures::of(result);
    writeln!(out, "policy      {}", contender.label())?;
    writeln!(out, "seed        {seed}")?;
    writeln!(out, "requests    {}", figures.requests)?;
    let rate = Metric::ErrorRate.of(&figures) * 100.0;
    writeln!(
        out,
        "errors      {} ({rate:.3} %), of these time-outs {}",
        figures.errors, figures.timeouts
    )?;
    writeln!(out, "goodput     {:.1} /s", figures.goodput)?;
    print_latency("latency", &figures.latency, out)?;
    print_latency("penalized", &figures.penalized, out)?;
    writeln!(out, "J           {:.4}", Metric::Objective.of(&figures))?;
    writeln!(out, "optimal     {:.1} %", figures.optimal_share * 100.0)?;
    writeln!(
        out,
        "decisions   {}, of these by the fallback {}",
        figures.decisions, figures.fallbacks
    )?;
    writeln!(out, "sent        {:?}", result.sent)?;
    Ok(())
}

fn print_latency(name: &str, latency: &LatencyFigures, out: &mut impl Write) -> Result<()> {
    let [mean, p50, p99, p999] =
        [latency.mean, latency.p50, latency.p99, latency.p999].map(|seconds| seconds * 1e3);
    Ok(writeln!(
        out,
        "{name:<11} mean {mean:.2} ms, p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms"
    )?)
}
