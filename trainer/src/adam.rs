//! The optimiser Adam (Kingma and Ba, 2015) over a flat vector of weights.

use serde::{Deserialize, Serialize};

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
/// Keeps the step finite where a gradient was always zero.
const EPSILON: f32 = 1e-8;

/// Running moments of the gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Adam {
    /// For so many weights.
    pub fn new(weights: usize) -> Self {
        Self {
            first: vec![0.0; weights],
            second: vec![0.0; weights],
            steps: 0,
        }
    }

    /// Moves the weights a step against the gradient.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], learning_rate: f32) {
        debug_assert_eq!(weights.len(), self.first.len());
        self.steps = self.steps.saturating_add(1);
        let first_scale = 1.0 - FIRST_DECAY.powi(self.steps);
        let second_scale = 1.0 - SECOND_DECAY.powi(self.steps);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *first = FIRST_DECAY * *first + (1.0 - FIRST_DECAY) * gradient;
            *second = SECOND_DECAY * *second + (1.0 - SECOND_DECAY) * gradient * gradient;
            let scale = (*second / second_scale).sqrt() + EPSILON;
            *weight -= learning_rate * (*first / first_scale) / scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_a_bowl() {
        let target = [3.0, -2.0, 0.5];
        let mut weights = [0.0; 3];
        let mut adam = Adam::new(3);
        for _ in 0..2000 {
            let gradient: Vec<f32> = weights
                .iter()
                .zip(&target)
                .map(|(w, t)| 2.0 * (w - t))
                .collect();
            adam.step(&mut weights, &gradient, 0.01);
        }
        for (weight, target) in weights.iter().zip(&target) {
            assert!((weight - target).abs() < 1e-3, "{weights:?}");
        }
    }

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate() {
        let mut weights = [1.0];
        Adam::new(1).step(&mut weights, &[123.0], 0.1);
        assert!((weights[0] - 0.9).abs() < 1e-5);
    }
}
