//! Scorers for tests: the linear one that equals `peak_ewma`, and broken ones.

use lb_policy::{
    features::{CONTEXT, ERROR_FACTOR, FEATURES, IN_FLIGHT, PEAK_EWMA, WEIGHT},
    model::{ScoreError, Scorer, Workspace},
};

/// `ln(1 + in flight) + ln(peak / L) + ln(1 + 20 err) - ln(weight / mean)`, the log of the
/// cost by `peak_ewma` but for a constant.
#[derive(Debug)]
pub(crate) struct PeakEwmaScorer;

impl Scorer for PeakEwmaScorer {
    fn score(
        &self,
        rows: &[f32],
        _context: &[f32; CONTEXT],
        costs: &mut [f32],
        _workspace: &mut Workspace,
    ) -> Result<(), ScoreError> {
        for (row, cost) in rows.chunks_exact(FEATURES).zip(costs) {
            *cost = row[IN_FLIGHT] + row[PEAK_EWMA] + row[ERROR_FACTOR] - row[WEIGHT];
        }
        Ok(())
    }
}
