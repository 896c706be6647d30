//! Fits a model further to logged decisions, and judges the result on the latest of them.

use crate::{
    dataset::Ranges,
    fit::{FitOptions, calibrate, fit, mean_loss, steps},
    log_data::{LogCounts, LogData},
    progress::Progress,
    weights::Weights,
};
use anyhow::ensure;
use serde::Serialize;

/// What a fit to logs gives.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFit {
    /// The fitted weights.
    pub weights: Weights,
    /// Features seen in the logs.
    pub ranges: Ranges,
    /// How it went.
    pub report: LogReport,
}

/// How a fit to logs went. Losses are means of the squared error of the logarithm over choices
/// made by another policy: lower does not prove that requests will fare better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LogReport {
    /// What became of the records.
    pub records: LogCounts,
    /// Decisions fitted to.
    pub training: usize,
    /// Later decisions, held out.
    pub hold_out: usize,
    /// Loss over the held-out decisions of the start, its bias set right.
    pub start_loss: f64,
    /// The same of the fitted model.
    pub fitted_loss: f64,
}

/// Fits `start` to logged decisions.
///
/// # Errors
/// When the fit diverges, or predicts the held-out decisions worse than its start.
pub fn fit_log(
    start: Weights,
    data: &LogData,
    options: &FitOptions,
    progress: &Progress,
) -> anyhow::Result<LogFit> {
    let mut weights = start;
    calibrate(&mut weights, &data.training, options.batch)?;
    let start_loss = mean_loss(&weights, &data.hold_out, options.batch)?;
    let bar = progress.stage("fit", steps(data.training.len(), options));
    fit(&mut weights, &data.training, options, bar)?;
    let fitted_loss = mean_loss(&weights, &data.hold_out, options.batch)?;
    ensure!(
        fitted_loss < start_loss,
        "the fit predicts the held-out decisions worse than its start ({fitted_loss:.4} against \
         {start_loss:.4}); nothing is written"
    );
    let mut ranges = Ranges::of(&data.training);
    ranges.merge(&Ranges::of(&data.hold_out));
    Ok(LogFit {
        weights,
        ranges,
        report: LogReport {
            records: data.counts,
            training: data.training.len(),
            hold_out: data.hold_out.len(),
            start_loss,
            fitted_loss,
        },
    })
}
