//! The commands, one file each.

mod scenarios;
mod output;
mod eval;
mod trace;
mod run;
mod list;
mod report;
mod gates;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::{io::Write, process::ExitCode};

/// Simulates balancers in front of servers, and compares balancing policies.
#[derive(Debug, Parser)]
#[command(name = "simulator", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run policies against each other over families of scenarios.
    Eval(eval::EvalArgs),
    /// Run one policy on one scenario and print what came of it.
    Run(run::RunArgs),
    /// List families of scenarios, one line each.
    List(list::ListArgs),
    /// Show a report again, as tables or as an HTML page.
    Report(report::ReportArgs),
    /// Hold reports against the release gates; exit code 1 when one is not met.
    Gates(gates::GatesArgs),
}

/// Does what `cli` asks for and writes its result to `out`.
pub(crate) fn perform(cli: Cli, out: &mut impl Write) -> Result<ExitCode> {
    match cli.command {
        Command::Eval(args) => eval::eval(&args, out)?,
        Command::Run(args) => run::run(&args, out)?,
        Command::List(args) => list::list(&args, out)?,
        Command::Report(args) => report::report(&args, out)?,
        Command::Gates(args) => return gates::gates(&args, out),
    }
    Ok(ExitCode::SUCCESS)
}
