//! Models: loading, checking and scoring.

/// Reusable buffers of one thread.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Intermediate values of the model.
    pub floats: Vec<f32>,
}

/// Scores candidates: one cost per row, the log of the predicted cost of sending there; lower is better.
pub trait Scorer: std::fmt::Debug + Send + Sync {
    /// `rows` is row-major `[d, FEATURES]`, `context` `[CONTEXT]`, `costs` has d places.
    fn score(
        &self,
        rows: &[f32],
        context: &[f32; crate::features::CONTEXT],
        costs: &mut [f32],
        workspace: &mut Workspace,
    ) -> Result<(), ScoreError>;
}

/// Why a model gave no costs.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The runtime reported an error.
    #[error("inference failed: {0}")]
    Runtime(String),
    /// Every session was in use.
    #[error("all {0} sessions are busy")]
    Busy(usize),
}
