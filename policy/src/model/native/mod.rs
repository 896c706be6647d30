//! The native runtime: compiles small scorer graphs into a plan of plain f32 loops that
//! allocates nothing once its workspace has grown.

mod shape;
mod tensor;
mod kernel;
mod plan;
mod builder;
mod scope;
mod operators;
mod compile;
#[cfg(test)]
mod tests;

use super::{
    graph::{ContractError, Graph},
    scorer::{ScoreError, Scorer, Workspace, check_lengths},
};
use crate::features::CONTEXT;

/// Compiles the bytes of a `model.onnx`, comparing neither schema nor checksum nor test vectors:
/// for benchmarks and fuzzing. What serves comes from [`super::load_version`].
///
/// # Errors
/// When the bytes do not meet the contract, or need another runtime.
pub fn compile_native(bytes: &[u8]) -> Result<Box<dyn Scorer>, CompileError> {
    Ok(Box::new(Native::compile(&Graph::read(bytes)?)?))
}

/// Why bytes were not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// They do not meet the contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// They need another runtime.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// A compiled model.
#[derive(Debug)]
pub(super) struct Native {
    plan: plan::Plan,
}

/// What the native runtime cannot do. ONNX Runtime may.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {node:?} ({operator}): {reason}")]
pub struct Unsupported {
    /// Name of the node, or of its first output where it has none.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// What about it.
    pub reason: String,
}

impl Native {
    /// Compiles a graph that meets the contract.
    pub(super) fn compile(graph: &Graph<'_>) -> Result<Self, Unsupported> {
        compile::compile(graph).map(|plan| Self { plan })
    }
}

impl Scorer for Native {
    fn score(
        &self,
        rows: &[f32],
        context: &[f32; CONTEXT],
        costs: &mut [f32],
        workspace: &mut Workspace,
    ) -> Result<(), ScoreError> {
        check_lengths(rows, costs)?;
        if !costs.is_empty() {
            self.plan.run(rows, context, costs, &mut workspace.floats);
        }
        Ok(())
    }
}
