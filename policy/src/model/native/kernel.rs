//! The loops over floats, written so that the compiler turns them into vector instructions.
//! All are inlined into [`crate::vector::vectorized`], or they would stay at the oldest ones.

use std::ops::Range;

/// A weight matrix of a dense layer, cut into panels of columns. Within a panel one row of
/// weights is contiguous and the sums of all columns stay in registers.
#[derive(Debug)]
pub(super) struct Dense {
    inputs: usize,
    outputs: usize,
    panels: Vec<Panel>,
}

/// Some neighbouring columns, without the inputs that none of them takes anything from: the mean
/// of several networks is one whose layers are blocks of their weights beside zeros.
#[derive(Debug)]
struct Panel {
    inputs: Range<usize>,
    weights: Columns,
}

/// Weights of neighbouring columns, `[inputs][columns]`; missing columns are zero.
#[derive(Debug)]
enum Columns {
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
        let mut first = 0;
        for panel in &self.panels {
            let columns = panel.columns().min(self.outputs - first);
            // Two rows at once: the additions of one wait for each other.
            let inputs = input.chunks(2 * self.inputs);
            let outputs = output.chunks_mut(2 * self.outputs);
            for (input, output) in inputs.zip(outputs) {
                let output = &mut output[first..];
                if input.len() == self.inputs {
                    panel.add_to_row(input, &mut output[..columns]);
                } else {
                    let inputs = input.split_at(self.inputs);
                    let (row, next_row) = output.split_at_mut(self.outputs);
                    panel.add_to_two(inputs, &mut row[..columns], &mut next_row[..columns]);
                }
            }
            first += columns;
        }
    }
}

impl Panel {
    fn cut(weights: &[f32], outputs: usize, first: usize) -> Self {
        let columns = Columns::width(outputs - first);
        let taken = first..outputs.min(first + columns);
        let is_used = |row: &[f32]| row[taken.clone()].iter().any(|weight| *weight != 0.0);
        let mut used = weights
            .chunks_exact(outputs)
            .enumerate()
            .filter(|(_, row)| is_used(row))
            .map(|(input, _)| input);
        let start = used.next();
        let end = used.next_back().or(start).map_or(0, |last| last + 1);
        let inputs = start.unwrap_or(0)..end;
        let weights = &weights[inputs.start * outputs..inputs.end * outputs];
        Self {
            weights: Columns::cut(weights, outputs, first),
            inputs,
        }
    }

    fn columns(&self) -> usize {
        self.weights.columns()
    }

    #[inline(always)]
    fn add_to_row(&self, input: &[f32], output: &mut [f32]) {
        self.weights.add_to_row(&input[self.inputs.clone()], output);
    }

    #[inline(always)]
    fn add_to_two(&self, inputs: (&[f32], &[f32]), first: &mut [f32], second: &mut [f32]) {
        let used = self.inputs.clone();
        let inputs = (&inputs.0[used.clone()], &inputs.1[used]);
        self.weights.add_to_two(inputs, first, second);
    }
}

impl Columns {
    /// Columns to cut off next when so many are left. Two and three networks of the study's 24 are
    /// cut between them; as many sums are computed as with wide panels.
    fn width(left: usize) -> usize {
        match left {
            1 => 1,
            2..=8 => 8,
            9..=16 => 16,
            17..=24 | 41..=48 | 65..=72 => 24,
            _ => 32,
        }
    }

    fn cut(weights: &[f32], outputs: usize, first: usize) -> Self {
        match Self::width(outputs - first) {
            1 => Self::Single(
                weights
                    .iter()
                    .skip(first)
                    .step_by(outputs)
                    .copied()
                    .collect(),
            ),
            8 => Self::Narrow(columns(weights, outputs, first)),
            16 => Self::Half(columns(weights, outputs, first)),
            24 => Self::Middle(columns(weights, outputs, first)),
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
    fn add_to_row(&self, input: &[f32], output: &mut [f32]) {
        match self {
            Self::Wide(weights) => add_row(weights, input, output),
            Self::Middle(weights) => add_row(weights, input, output),
            Self::Half(weights) => add_row(weights, input, output),
            Self::Narrow(weights) => add_row(weights, input, output),
            Self::Single(weights) => output[0] += dot(weights, input),
        }
    }

    #[inline(always)]
    fn add_to_two(&self, inputs: (&[f32], &[f32]), first: &mut [f32], second: &mut [f32]) {
        match self {
            Self::Wide(weights) => add_two(weights, inputs, first, second),
            Self::Middle(weights) => add_two(weights, inputs, first, second),
            Self::Half(weights) => add_two(weights, inputs, first, second),
            Self::Narrow(weights) => add_two(weights, inputs, first, second),
            Self::Single(weights) => {
                first[0] += dot(weights, inputs.0);
                second[0] += dot(weights, inputs.1);
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
fn add_row<const W: usize>(weights: &[[f32; W]], input: &[f32], output: &mut [f32]) {
    let mut sums = padded(output);
    for (weights, input) in weights.iter().zip(input) {
        add_product(&mut sums, weights, *input);
    }
    output.copy_from_slice(&sums[..output.len()]);
}

/// The sums are two variables and not an array of two: so they live in registers.
#[inline(always)]
fn add_two<const W: usize>(
    weights: &[[f32; W]],
    inputs: (&[f32], &[f32]),
    first: &mut [f32],
    second: &mut [f32],
) {
    let (mut first_sums, mut second_sums) = (padded(first), padded(second));
    for ((weights, first), second) in weights.iter().zip(inputs.0).zip(inputs.1) {
        add_product(&mut first_sums, weights, *first);
        add_product(&mut second_sums, weights, *second);
    }
    first.copy_from_slice(&first_sums[..first.len()]);
    second.copy_from_slice(&second_sums[..second.len()]);
}

/// By index and not by iterators: with debug assertions those check every element, and a scoring
/// takes seven times as long.
#[inline(always)]
fn add_product<const W: usize>(sums: &mut [f32; W], weights: &[f32; W], input: f32) {
    for column in 0..W {
        sums[column] += weights[column] * input;
    }
}

#[inline(always)]
fn padded<const W: usize>(values: &[f32]) -> [f32; W] {
    <[f32; W]>::try_from(values).unwrap_or_else(|_| {
        let mut padded = [0.0; W];
        padded[..values.len()].copy_from_slice(values);
        padded
    })
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
    fn blocks_beside_zeros_equal_the_plain_double_loop() {
        let (blocks, inputs, outputs) = (3, 4, 24);
        for count in 1..=blocks {
            let weight = |input: usize, output: usize| {
                let is_within = input / inputs == output / outputs && !input.is_multiple_of(inputs);
                if is_within {
                    (input * 31 + output * 7 % 11) as f32
                } else {
                    0.0
                }
            };
            let (all_inputs, all_outputs) = (count * inputs, count * outputs);
            let weights: Vec<f32> = (0..all_inputs)
                .flat_map(|input| (0..all_outputs).map(move |output| weight(input, output)))
                .collect();
            let dense = Dense::new(&weights, all_inputs, all_outputs);
            let taken = dense.panels.iter().map(|panel| panel.inputs.clone());
            let expected = (0..count).map(|block| block * inputs + 1..(block + 1) * inputs);
            assert!(taken.eq(expected), "{:?}", dense.panels);

            let rows: Vec<f32> = (0..3 * all_inputs).map(|i| i as f32 - 9.0).collect();
            let mut output = vec![1.0; 3 * all_outputs];
            dense.add_to(&rows, &mut output);
            let expected: Vec<f32> = rows
                .chunks(all_inputs)
                .flat_map(|row| (0..all_outputs).map(move |column| (row, column)))
                .map(|(row, column)| {
                    let products = row.iter().enumerate().map(|(i, x)| x * weight(i, column));
                    1.0 + products.sum::<f32>()
                })
                .collect();
            assert_eq!(output, expected, "small integers are exact");
        }
    }

    #[test]
    fn columns_of_zeros_add_nothing() {
        let dense = Dense::new(&[0.0; 6], 2, 3);
        let mut output = vec![1.0, 2.0, 3.0];
        dense.add_to(&[5.0, 7.0], &mut output);
        assert_eq!(output, vec![1.0, 2.0, 3.0]);
    }

    #[test]
    fn vector_code_gives_the_bits_of_plain_code() {
        let uneven = |i: usize| (i * 7919 % 1000) as f32 * 0.001 - 0.5;
        for outputs in [1, 7, 16, 24, 32, 45] {
            let (inputs, rows) = (19, 5);
            let weights: Vec<f32> = (0..inputs * outputs).map(uneven).collect();
            let input: Vec<f32> = (7..7 + inputs * rows).map(uneven).collect();
            let dense = Dense::new(&weights, inputs, outputs);
            let (mut plain, mut vector) = (vec![0.1; rows * outputs], vec![0.1; rows * outputs]);
            dense.add_to(&input, &mut plain);
            crate::vector::vectorized(
                #[inline(always)]
                || dense.add_to(&input, &mut vector),
            );
            assert_eq!(vector, plain, "{outputs} columns");
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
