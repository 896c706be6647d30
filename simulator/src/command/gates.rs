//! `simulator gates`: holds reports against the release gates.

use super::output::write_text;
use anyhow::{Context as _, Result};
use clap::Args;
use lb_simulator::report::{Report, Verdict, judge, markdown, scorecard};
use std::{io::Write, path::PathBuf, process::ExitCode};

/// Arguments of `gates`.
#[derive(Args, Debug)]
pub(super) struct GatesArgs {
    /// Reports of `eval` by the same policies over different families.
    #[arg(required = true, value_name = "REPORT")]
    reports: Vec<PathBuf>,
    /// The learned policy that is judged, when there are several: its label or its model's name.
    #[arg(long, value_name = "NAME")]
    learned: Option<String>,
    /// Also write the table as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Prints each gate with what was measured.
pub(super) fn gates(args: &GatesArgs, out: &mut impl Write) -> Result<ExitCode> {
    let reports: Result<Vec<_>, _> = args.reports.iter().map(|path| Report::read(path)).collect();
    let report = Report::merge(reports?)?;
    let verdicts = judge(&report, args.learned.as_deref())?;
    if let Some(path) = &args.markdown {
        write_text(path, &markdown(&verdicts))?;
    }
    writeln!(out, "{}", scorecard(&verdicts)).context("cannot write the table")?;
    let all_met = verdicts.iter().all(Verdict::gate_met);
    Ok(if all_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
