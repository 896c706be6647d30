//! Collects the steps of a plan, within bounds, and joins neighbours that one loop can do.

use super::{
    kernel::Dense,
    plan::{Function, Operand, Operation, Plan, Source, Step},
    shape::{Layout, Reason},
};

/// Weights and constants: 16 MiB, a thousand times the study's net.
const MAX_CONSTANTS: usize = 1 << 22;
/// Floats of all intermediate values, per candidate and apart from candidates: 64 KiB each.
const MAX_INTERMEDIATE: usize = 1 << 14;

/// A plan in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    constants: Vec<f32>,
    steps: Vec<Step>,
    step_ids: usize,
    constants_used: usize,
    intermediate_used: usize,
}

impl Builder {
    /// Makes sure that `count` more floats of weights are within bounds.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Reason> {
        self.constants_used = self.constants_used.saturating_add(count);
        if self.constants_used > MAX_CONSTANTS {
            return Err(format!("the graph has more than {MAX_CONSTANTS} weights"));
        }
        Ok(())
    }

    /// Adds a constant of one row; its floats must have been reserved.
    pub(super) fn constant(&mut self, floats: &[f32]) -> Operand {
        let start = self.constants.len();
        self.constants.extend_from_slice(floats);
        let layout = Layout {
            per_candidate: false,
            width: floats.len(),
        };
        Operand {
            source: Source::Constant(start),
            layout,
        }
    }

    /// Adds a step; gives its result.
    pub(super) fn step(&mut self, operation: Operation, layout: Layout) -> Result<Operand, Reason> {
        self.intermediate_used = self.intermediate_used.saturating_add(layout.width);
        if self.intermediate_used > MAX_INTERMEDIATE {
            return Err(format!(
                "more than {MAX_INTERMEDIATE} intermediate values per candidate"
            ));
        }
        let id = self.step_ids;
        self.step_ids += 1;
        self.steps.push(Step {
            id,
            layout,
            operation,
        });
        Ok(Operand {
            source: Source::Step(id),
            layout,
        })
    }

    /// Makes `bias` the start value of the dense layer that gave `value`, which nothing else may
    /// read. `None` when `value` is no such layer.
    pub(super) fn fuse_bias(&mut self, value: Operand, bias: Operand) -> Option<Operand> {
        let place = self.place(value)?;
        match &mut self.steps[place].operation {
            Operation::Dense {
                bias: free @ None,
                relu: false,
                ..
            } => *free = Some(bias),
            _ => return None,
        }
        // The bias may have been computed after the layer.
        let step = self.steps.remove(place);
        self.steps.push(step);
        Some(value)
    }

    /// Adds Relu to the dense layer that gave `value`, which nothing else may read. `None` when
    /// `value` is no such layer.
    pub(super) fn fuse_relu(&mut self, value: Operand) -> Option<Operand> {
        let place = self.place(value)?;
        match &mut self.steps[place].operation {
            Operation::Dense { relu, .. } => *relu = true,
            _ => return None,
        }
        Some(value)
    }

    /// A dense layer.
    pub(super) fn dense(
        &mut self,
        input: Operand,
        weights: Dense,
        bias: Option<Operand>,
    ) -> Result<Operand, Reason> {
        let layout = Layout {
            width: weights.outputs(),
            ..input.layout
        };
        self.step(
            Operation::Dense {
                input,
                weights,
                bias,
                relu: false,
            },
            layout,
        )
    }

    /// A function of each value.
    pub(super) fn map(&mut self, input: Operand, function: Function) -> Result<Operand, Reason> {
        self.step(Operation::Map { input, function }, input.layout)
    }

    /// The plan whose costs are `result`.
    pub(super) fn finish(self, result: Operand) -> Plan {
        Plan::new(self.constants, self.steps, self.step_ids, result)
    }

    fn place(&self, value: Operand) -> Option<usize> {
        let Source::Step(id) = value.source else {
            return None;
        };
        self.steps.iter().position(|step| step.id == id)
    }
}
