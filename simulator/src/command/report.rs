//! `simulator report`: shows a report again.

use super::output::write_text;
use anyhow::{Context as _, Result};
use clap::Args;
use lb_simulator::{
    evaluation::Reference,
    report::{Report, html, text},
};
use std::{io::Write, path::PathBuf};

/// Arguments of `report`.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Report of `eval`.
    report: PathBuf,
    /// Write an HTML page instead of tables.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Take ratios to this policy, not to the best hand-written one of each family.
    #[arg(long, value_name = "POLICY")]
    baseline: Option<String>,
    /// Print the table over all families only.
    #[arg(long)]
    brief: bool,
}

/// Prints the tables of a report, or writes its page.
pub(super) fn report(args: &ReportArgs, out: &mut impl Write) -> Result<()> {
    let report = Report::read(&args.report)?;
    let summary = report.summary(reference(&report, args.baseline.as_deref())?);
    match &args.html {
        Some(path) => write_text(path, &html(&report, &summary)?),
        None => writeln!(out, "{}", text(&summary, args.brief)).context("cannot write the tables"),
    }
}

/// What ratios are taken to.
pub(super) fn reference(report: &Report, baseline: Option<&str>) -> Result<Reference> {
    let Some(label) = baseline else {
        return Ok(Reference::HindsightBest);
    };
    let index = report.find(label);
    let index = index.with_context(|| format!("--baseline {label}: did not take part"))?;
    Ok(Reference::Contender(index))
}
