//! What every model runtime offers: costs for the candidates of one decision.

use crate::features::CONTEXT;

/// Reusable buffers of one thread.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Intermediate values of one scoring; grows to the largest need seen, then stays.
    pub floats: Vec<f32>,
}

/// Scores candidates: one cost per row, the log of the predicted cost of sending there; lower is better.
pub trait Scorer: std::fmt::Debug + Send + Sync {
    /// `rows` is row-major [d, FEATURES], `context` [CONTEXT], `costs` has d places.
    fn score(
        &self,
        rows: &[f32],
        context: &[f32; CONTEXT],
        costs: &mut [f32],
        workspace: &mut Workspace,
    ) -> Result<(), ScoreError>;
}

/// Why a model gave no costs.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The runtime refused, or gave something that is not one cost per candidate.
    #[error("inference failed: {0}")]
    Runtime(String),
    /// As many threads score at once as there are sessions.
    #[error("all {0} sessions are busy")]
    Busy(usize),
}

/// Fails unless `rows` holds one row of features per place in `costs`.
pub(super) fn check_lengths(rows: &[f32], costs: &[f32]) -> Result<(), ScoreError> {
    let expected = costs.len() * crate::features::FEATURES;
    if rows.len() == expected {
        return Ok(());
    }
    Err(ScoreError::Runtime(format!(
        "{} feature values for {} candidates, expected {expected}",
        rows.len(),
        costs.len()
    )))
}
