//! The loops over floats, written so that the compiler turns them into vector instructions.
//! All are inlined into [`crate::vector::vectorized`], or they would stay at the oldest ones.

/// A weight matrix of a dense layer, cut into panels of columns. Within a panel one row of
/// weights is contiguous and the sums of all columns stay in registers.
#[derive(Debug)]
pub(super) struct Dense {
    inputs: usize,
    outputs: usize,
    panels: Vec<Panel>,
}

/// Weights of some neighbouring columns, `[inputs][columns]`; missing columns are zero.
#[derive(Debug)]
enum Panel {
    Wide(Vec<[f32; 32]>),
    Middle(Vec<[f32; 24]>),
    Half(Vec<[f32; 16]>),
    Narrow(Vec<[f32; 8]>),
    /// A single column, summed along the inputs instead.
    Single(Vec<f32>),
}

impl Dense {
    /// Takes the weights, row-major `[inputs, outputs]`.
    pub(super) fn new(weights: &[f32], inputs: usize, outputs: usize) -> Self {
        debug_assert_eq!(weights.len(), inputs * outputs, "dimensions were checked");
        let mut panels = Vec::new();
        let mut first = 0;
        while first < outputs {
            let panel = Panel::cut(weights, outputs, first);
            first += panel.columns();
            panels.push(panel);
        }
        Self {
            inputs,
            outputs,
            panels,
        }
    }

    /// Columns of the result.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds `input · weights` to `output`, for any number of rows.
    #[inline(always)]
    pub(super) fn add_to(&self, input: &[f32], output: &mut [f32]) {
        debug_assert_eq!(
            input.len() * self.outputs,
            output.len() * self.inputs,
            "as many rows out as in"
        );
        // Two rows at once: the additions of one wait for each other.
        let mut inputs = input.chunks_exact(2 * self.inputs);
        let mut outputs = output.chunks_exact_mut(2 * self.outputs);
        for (input, output) in (&mut inputs).zip(&mut outputs) {
            let (input, next_input) = input.split_at(self.inputs);
            let (output, next_output) = output.split_at_mut(self.outputs);
            self.add_rows([input, next_input], [output, next_output]);
        }
        let (input, output) = (inputs.remainder(), outputs.into_remainder());
        if !output.is_empty() {
            self.add_rows([input], [output]);
        }
    }

    #[inline(always)]
    fn add_rows<const R: usize>(&self, inputs: [&[f32]; R], mut outputs: [&mut [f32]; R]) {
        let mut first = 0;
        for panel in &self.panels {
            let end = (first + panel.columns()).min(self.outputs);
            let columns = outputs.each_mut().map(|output| &mut output[first..end]);
            panel.add_to(inputs, columns);
            first = end;
        }
    }
}

impl Panel {
    fn cut(weights: &[f32], outputs: usize, first: usize) -> Self {
        match outputs - first {
            1 => Self::Single(
                weights
                    .iter()
                    .skip(first)
                    .step_by(outputs)
                    .copied()
                    .collect(),
            ),
            2..=8 => Self::Narrow(columns(weights, outputs, first)),
            9..=16 => Self::Half(columns(weights, outputs, first)),
            17..=24 => Self::Middle(columns(weights, outputs, first)),
            _ => Self::Wide(columns(weights, outputs, first)),
        }
    }

    fn columns(&self) -> usize {
        match self {
            Self::Wide(_) => 32,
            Self::Middle(_) => 24,
            Self::Half(_) => 16,
            Self::Narrow(_) => 8,
            Self::Single(_) => 1,
        }
    }

    #[inline(always)]
    fn add_to<const R: usize>(&self, inputs: [&[f32]; R], outputs: [&mut [f32]; R]) {
        match self {
            Self::Wide(weights) => add_panel(weights, inputs, outputs),
            Self::Middle(weights) => add_panel(weights, inputs, outputs),
            Self::Half(weights) => add_panel(weights, inputs, outputs),
            Self::Narrow(weights) => add_panel(weights, inputs, outputs),
            Self::Single(weights) => {
                for (output, input) in outputs.into_iter().zip(inputs) {
                    output[0] += dot(weights, input);
                }
            }
        }
    }
}

fn columns<const W: usize>(weights: &[f32], outputs: usize, first: usize) -> Vec<[f32; W]> {
    let row = |row: &[f32]| {
        let mut columns = [0.0; W];
        for (column, weight) in columns.iter_mut().zip(&row[first..]) {
            *column = *weight;
        }
        columns
    };
    weights.chunks_exact(outputs).map(row).collect()
}

#[inline(always)]
fn add_panel<const W: usize, const R: usize>(
    weights: &[[f32; W]],
    inputs: [&[f32]; R],
    outputs: [&mut [f32]; R],
) {
    let mut sums = [[0.0; W]; R];
    for (sums, output) in sums.iter_mut().zip(&outputs) {
        match <&[f32; W]>::try_from(&**output) {
            Ok(output) => *sums = *output,
            Err(_) => sums[..output.len()].copy_from_slice(output),
        }
    }
    let sums = add_products(weights, inputs, sums);
    for (sums, output) in sums.iter().zip(outputs) {
        match <&mut [f32; W]>::try_from(&mut *output) {
            Ok(output) => *output = *sums,
            Err(_) => output.copy_from_slice(&sums[..output.len()]),
        }
    }
}

#[inline(always)] // so that the sums live in registers
fn add_products<const W: usize, const R: usize>(
    weights: &[[f32; W]],
    inputs: [&[f32]; R],
    mut sums: [[f32; W]; R],
) -> [[f32; W]; R] {
    let inputs = inputs.map(|input| &input[..weights.len()]);
    for (place, weights) in weights.iter().enumerate() {
        for (sums, input) in sums.iter_mut().zip(inputs) {
            let input = input[place];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight * input;
            }
        }
    }
    sums
}

/// Sums in eight lanes, then by halves: a single sum would wait for each addition in turn.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<8>();
    let (b_lanes, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h)) + rest
}

/// max(x, 0) that keeps NaN, so that a broken model shows.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// 1 / (1 + e^-x)
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Applies `f` to one row; an operand of a single float goes with every column.
#[inline(always)]
pub(super) fn zip_row(f: impl Fn(f32, f32) -> f32, left: &[f32], right: &[f32], out: &mut [f32]) {
    match (left, right) {
        ([left], [right]) => out.fill(f(*left, *right)),
        ([left], right) => {
            for (out, right) in out.iter_mut().zip(right) {
                *out = f(*left, *right);
            }
        }
        (left, [right]) => {
            for (out, left) in out.iter_mut().zip(left) {
                *out = f(*left, *right);
            }
        }
        (left, right) => {
            for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
                *out = f(*left, *right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_of_any_width_equals_the_plain_double_loop() {
        for outputs in 1..=70 {
            let inputs = 5;
            let weight = |k: usize, j: usize| (k * 31 + j * 7 % 11) as f32;
            let weights: Vec<f32> = (0..inputs)
                .flat_map(|k| (0..outputs).map(move |j| weight(k, j)))
                .collect();
            let input = [1.0, -2.0, 0.5, 3.0, -1.0];
            let mut output = vec![1.0; outputs];
            Dense::new(&weights, inputs, outputs).add_to(&input, &mut output);
            let rows = input.repeat(5);
            let mut outputs_of_rows = vec![1.0; 5 * outputs];
            Dense::new(&weights, inputs, outputs).add_to(&rows, &mut outputs_of_rows);
            let expected: Vec<f32> = (0..outputs)
                .map(|j| {
                    1.0 + input
                        .iter()
                        .enumerate()
                        .map(|(k, x)| x * weight(k, j))
                        .sum::<f32>()
                })
                .collect();
            assert_eq!(
                output, expected,
                "{outputs} columns; small integers and halves are exact"
            );
            assert_eq!(
                outputs_of_rows,
                expected.repeat(5),
                "a row is like any other"
            );
        }
    }

    #[test]
    fn dot_takes_in_the_rest_behind_the_last_eight() {
        let a: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let expected: f32 = (0..19).map(|i| (i * i) as f32).sum();
        assert_eq!(
            dot(&a, &a).to_bits(),
            expected.to_bits(),
            "small integers are exact"
        );
    }

    #[test]
    fn relu_keeps_not_a_number() {
        assert!(relu(f32::NAN).is_nan());
        assert_eq!((relu(-1.0), relu(2.0)), (0.0, 2.0));
    }
}
