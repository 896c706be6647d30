//! A compiled graph: steps in order, each writing one buffer behind those it reads.
//!
//! Work that depends on the context alone has one row and is therefore done once per decision;
//! everything else has one row per candidate.

use super::{
    kernel::{self, Dense},
    shape::Layout,
};
use crate::vector::vectorized;

/// A compiled graph.
#[derive(Debug)]
pub(super) struct Plan {
    constants: Vec<f32>,
    steps: Vec<Step>,
    /// Start of the buffer of each step, by the step's id.
    starts: Vec<Extent>,
    size: Extent,
    result: Operand,
}

/// One operation on whole values.
#[derive(Debug)]
pub(super) struct Step {
    /// Names the step and its buffer, whatever its place in the order.
    pub(super) id: usize,
    pub(super) layout: Layout,
    pub(super) operation: Operation,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Operation {
    /// input · weights + bias, then perhaps Relu.
    Dense {
        input: Operand,
        weights: Dense,
        bias: Option<Operand>,
        relu: bool,
    },
    /// One function of each value.
    Map { input: Operand, function: Function },
    /// Element-wise, a single row or column going with all.
    Zip {
        left: Operand,
        right: Operand,
        operator: Operator,
    },
    /// Mean of each column over the candidates.
    MeanOverCandidates { input: Operand },
    /// Mean of each row.
    MeanOverColumns { input: Operand },
    /// Rows side by side.
    Concat { inputs: Vec<Operand> },
}

/// Function of one value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Relu,
    Tanh,
    Sigmoid,
}

/// Function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
}

/// Where a step reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) source: Source,
    pub(super) layout: Layout,
}

/// Place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The input of that name.
    Candidates,
    /// The input of that name.
    Context,
    /// Floats from here on in the plan's constants.
    Constant(usize),
    /// Result of the step with this id.
    Step(usize),
}

/// A number of floats that grows with d.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    fixed: usize,
    per_candidate: usize,
}

impl Plan {
    /// Lays out the buffers of `steps`, whose order must be one in which results come before
    /// their uses. `step_ids` is the number of ids ever given.
    pub(super) fn new(
        constants: Vec<f32>,
        steps: Vec<Step>,
        step_ids: usize,
        result: Operand,
    ) -> Self {
        let mut starts = vec![Extent::default(); step_ids];
        let mut size = Extent::default();
        for step in &steps {
            starts[step.id] = size;
            size = size.with(step.layout);
        }
        Self {
            constants,
            steps,
            starts,
            size,
            result,
        }
    }

    /// Scores one row of `rows` per place in `costs`. Allocates only where `floats` is shorter
    /// than any earlier need.
    pub(super) fn run(
        &self,
        rows: &[f32],
        context: &[f32],
        costs: &mut [f32],
        floats: &mut Vec<f32>,
    ) {
        let d = costs.len();
        if floats.len() < self.size.floats(d) {
            floats.resize(self.size.floats(d), 0.0);
        }
        vectorized(
            #[inline(always)]
            || self.run_steps(rows, context, d, floats),
        );
        let inputs = Inputs {
            plan: self,
            rows,
            context,
            before: floats,
            d,
        };
        costs.copy_from_slice(inputs.view(self.result).floats);
    }

    #[inline(always)]
    fn run_steps(&self, rows: &[f32], context: &[f32], d: usize, floats: &mut [f32]) {
        for step in &self.steps {
            let (before, from) = floats.split_at_mut(self.starts[step.id].floats(d));
            let inputs = Inputs {
                plan: self,
                rows,
                context,
                before,
                d,
            };
            step.run(&inputs, &mut from[..step.layout.floats(d)]);
        }
    }
}

impl Extent {
    fn with(self, layout: Layout) -> Self {
        if layout.per_candidate {
            Self {
                per_candidate: self.per_candidate + layout.width,
                ..self
            }
        } else {
            Self {
                fixed: self.fixed + layout.width,
                ..self
            }
        }
    }

    fn floats(self, d: usize) -> usize {
        self.fixed + self.per_candidate * d
    }
}

impl Layout {
    /// Floats of a value.
    fn floats(self, d: usize) -> usize {
        if self.per_candidate {
            self.width * d
        } else {
            self.width
        }
    }
}

/// All that a step may read.
struct Inputs<'a> {
    plan: &'a Plan,
    rows: &'a [f32],
    context: &'a [f32],
    /// Buffers of earlier steps.
    before: &'a [f32],
    d: usize,
}

/// One value while scoring.
#[derive(Clone, Copy)]
struct View<'a> {
    floats: &'a [f32],
    layout: Layout,
}

impl<'a> Inputs<'a> {
    fn view(&self, operand: Operand) -> View<'a> {
        let from = match operand.source {
            Source::Candidates => self.rows,
            Source::Context => self.context,
            Source::Constant(start) => &self.plan.constants[start..],
            Source::Step(id) => &self.before[self.plan.starts[id].floats(self.d)..],
        };
        View {
            floats: &from[..operand.layout.floats(self.d)],
            layout: operand.layout,
        }
    }
}

impl<'a> View<'a> {
    /// Row of candidate `i`, or the only row.
    fn row(self, i: usize) -> &'a [f32] {
        let first = if self.layout.per_candidate {
            i * self.layout.width
        } else {
            0
        };
        &self.floats[first..first + self.layout.width]
    }

    fn rows(self) -> impl Iterator<Item = &'a [f32]> {
        self.floats.chunks_exact(self.layout.width)
    }
}

impl Step {
    #[inline(always)]
    fn run(&self, inputs: &Inputs<'_>, output: &mut [f32]) {
        let width = self.layout.width;
        match &self.operation {
            Operation::Dense {
                input,
                weights,
                bias,
                relu,
            } => {
                let bias = bias.map(|bias| inputs.view(bias));
                dense(weights, inputs.view(*input), bias, *relu, output);
            }
            Operation::Map { input, function } => {
                map(*function, inputs.view(*input).floats, output)
            }
            Operation::Zip {
                left,
                right,
                operator,
            } => {
                let (left, right) = (inputs.view(*left), inputs.view(*right));
                match operator {
                    Operator::Add => zip(|a, b| a + b, left, right, width, output),
                    Operator::Sub => zip(|a, b| a - b, left, right, width, output),
                    Operator::Mul => zip(|a, b| a * b, left, right, width, output),
                    Operator::Div => zip(|a, b| a / b, left, right, width, output),
                }
            }
            Operation::MeanOverCandidates { input } => {
                mean_over_candidates(inputs.view(*input), inputs.d, output);
            }
            Operation::MeanOverColumns { input } => {
                let input = inputs.view(*input);
                for (mean, row) in output.iter_mut().zip(input.rows()) {
                    *mean = row.iter().sum::<f32>() / row.len() as f32;
                }
            }
            Operation::Concat { inputs: parts } => concat(inputs, parts, width, output),
        }
    }
}

#[inline(always)]
fn dense(weights: &Dense, input: View<'_>, bias: Option<View<'_>>, relu: bool, output: &mut [f32]) {
    for (i, row) in output.chunks_exact_mut(weights.outputs()).enumerate() {
        match bias.map(|bias| bias.row(i)) {
            None => row.fill(0.0),
            Some([single]) => row.fill(*single),
            Some(bias) => row.copy_from_slice(bias),
        }
    }
    weights.add_to(input.floats, output);
    if relu {
        for value in output {
            *value = kernel::relu(*value);
        }
    }
}

#[inline(always)]
fn map(function: Function, input: &[f32], output: &mut [f32]) {
    let each = |f: fn(f32) -> f32, output: &mut [f32]| {
        output
            .iter_mut()
            .zip(input)
            .for_each(|(output, input)| *output = f(*input));
    };
    match function {
        Function::Relu => each(kernel::relu, output),
        Function::Tanh => each(f32::tanh, output),
        Function::Sigmoid => each(kernel::sigmoid, output),
    }
}

#[inline(always)]
fn zip(
    f: impl Fn(f32, f32) -> f32 + Copy,
    left: View<'_>,
    right: View<'_>,
    width: usize,
    output: &mut [f32],
) {
    for (i, row) in output.chunks_exact_mut(width).enumerate() {
        kernel::zip_row(f, left.row(i), right.row(i), row);
    }
}

#[inline(always)]
fn mean_over_candidates(input: View<'_>, d: usize, output: &mut [f32]) {
    output.fill(0.0);
    for row in input.rows() {
        output
            .iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += value);
    }
    let share = 1.0 / d as f32;
    output.iter_mut().for_each(|sum| *sum *= share);
}

#[inline(always)]
fn concat(inputs: &Inputs<'_>, parts: &[Operand], width: usize, output: &mut [f32]) {
    for (i, row) in output.chunks_exact_mut(width).enumerate() {
        let mut rest = row;
        for part in parts {
            let part = inputs.view(*part).row(i);
            let (here, others) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = others;
        }
    }
}
