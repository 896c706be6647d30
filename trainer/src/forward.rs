//! The network on tensors, with gradients. Decisions have different numbers of candidates: rows
//! of all decisions of a batch lie one after the other, and each knows its decision.

use crate::{
    dataset::Dataset,
    weights::{Part, Weights},
};
use candle_core::{Device, Result, Tensor, Var};
use lb_policy::features::{CONTEXT, FEATURES};

/// Decisions on tensors.
#[derive(Debug)]
pub struct Batch {
    /// `[rows, FEATURES]`
    rows: Tensor,
    /// `[decisions, CONTEXT]`
    contexts: Tensor,
    /// Number of the decision of each row, `[rows]`.
    owners: Tensor,
    /// The same for plain loops.
    owner_of: Vec<u32>,
    /// One over the number of candidates, `[decisions, 1]`.
    per_candidate: Tensor,
    /// `[rows]`
    targets: Tensor,
    /// Adding up to 1, `[rows]`.
    weights: Tensor,
}

/// Loss of a batch with its gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Weighted mean of the squared errors.
    pub value: f32,
    /// Its gradient, in the order of [`Weights::values`].
    pub gradient: Vec<f32>,
}

impl Batch {
    /// The decisions of `data` at `indices`, of which there must be one.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn new(data: &Dataset, indices: &[usize]) -> Result<Self> {
        let (mut rows, mut contexts) = (Vec::new(), Vec::new());
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        let (mut owners, mut per_candidate) = (Vec::new(), Vec::new());
        for (owner, index) in (0u32..).zip(indices) {
            let decision = data.decision(*index);
            let candidates = decision.targets.len();
            rows.extend_from_slice(decision.rows);
            contexts.extend_from_slice(decision.context);
            targets.extend_from_slice(decision.targets);
            weights.extend_from_slice(decision.weights);
            owners.resize(owners.len() + candidates, owner);
            per_candidate.push(1.0 / candidates.max(1) as f32);
        }
        scale_to_one(&mut weights);
        let (count, decisions) = (targets.len(), indices.len());
        let device = &Device::Cpu;
        Ok(Self {
            rows: Tensor::from_vec(rows, (count, FEATURES), device)?,
            contexts: Tensor::from_vec(contexts, (decisions, CONTEXT), device)?,
            owners: Tensor::from_slice(&owners, count, device)?,
            owner_of: owners,
            per_candidate: Tensor::from_vec(per_candidate, (decisions, 1), device)?,
            targets: Tensor::from_vec(targets, count, device)?,
            weights: Tensor::from_vec(weights, count, device)?,
        })
    }
}

impl Batch {
    /// The weights by predicted `costs`, adding up to 1, `[rows]`.
    fn focused_weights(&self, costs: &Tensor, focus: f32) -> Result<Tensor> {
        let costs: Vec<f32> = costs.to_vec1()?;
        let mut weights: Vec<f32> = self.weights.to_vec1()?;
        let mut best = vec![f32::INFINITY; self.per_candidate.dim(0)?];
        for (owner, cost) in self.owner_of.iter().zip(&costs) {
            let least = &mut best[*owner as usize];
            *least = least.min(*cost);
        }
        for ((owner, cost), weight) in self.owner_of.iter().zip(&costs).zip(&mut weights) {
            *weight *= (focus * (best[*owner as usize] - cost)).exp();
        }
        scale_to_one(&mut weights);
        let count = weights.len();
        Tensor::from_vec(weights, count, &Device::Cpu)
    }
}

/// The costs of all rows of a batch.
///
/// # Errors
/// When the tensor library fails.
pub fn costs(weights: &Weights, batch: &Batch) -> Result<Vec<f32>> {
    Parameters::new(weights)?.costs(batch)?.to_vec1()
}

/// The loss of a batch.
///
/// # Errors
/// When the tensor library fails.
pub fn loss(weights: &Weights, batch: &Batch) -> Result<f32> {
    Parameters::new(weights)?.loss(batch, 0.0)?.to_scalar()
}

/// The loss of a batch with its gradient. A candidate weighs less the worse it is predicted to
/// be, by `exp(-focus)` for each unit of cost above the best of its decision: those far behind
/// are not chosen whatever they cost. By the prediction and not by the target, which would
/// make lucky targets weigh more.
///
/// # Errors
/// When the tensor library fails.
pub fn loss_with_gradient(weights: &Weights, batch: &Batch, focus: f32) -> Result<Loss> {
    let parameters = Parameters::new(weights)?;
    let loss = parameters.loss(batch, focus)?;
    let gradients = loss.backward()?;
    let mut gradient = Vec::with_capacity(weights.values.len());
    for (part, variable) in Part::ALL.into_iter().zip(&parameters.variables) {
        match gradients.get(variable) {
            Some(found) => gradient.extend(found.flatten_all()?.to_vec1::<f32>()?),
            None => gradient.resize(weights.range(part).end, 0.0),
        }
    }
    Ok(Loss {
        value: loss.to_scalar()?,
        gradient,
    })
}

/// The weights as variables, in the order of [`Part::ALL`].
struct Parameters {
    variables: Vec<Var>,
}

impl Parameters {
    fn new(weights: &Weights) -> Result<Self> {
        let variable = |part: Part| {
            let values = weights.part(part).to_vec();
            Var::from_vec(values, weights.dims(part), &Device::Cpu)
        };
        let variables = Part::ALL.into_iter().map(variable).collect::<Result<_>>()?;
        Ok(Self { variables })
    }

    fn part(&self, part: Part) -> &Tensor {
        self.variables[part as usize].as_tensor()
    }

    /// `[rows]`
    fn costs(&self, batch: &Batch) -> Result<Tensor> {
        let part = |part| self.part(part);
        let shared = batch
            .contexts
            .matmul(part(Part::Context))?
            .broadcast_add(part(Part::FirstBias))?
            .index_select(&batch.owners, 0)?;
        let h = batch.rows.matmul(part(Part::First))?.add(&shared)?.relu()?;
        let shared = mean_by_decision(&h, batch)?
            .matmul(part(Part::Pooled))?
            .broadcast_add(part(Part::SecondBias))?
            .index_select(&batch.owners, 0)?;
        let z = h.matmul(part(Part::Second))?.add(&shared)?.relu()?;
        z.matmul(part(Part::Head))?
            .add(&batch.rows.matmul(part(Part::Linear))?)?
            .broadcast_add(part(Part::Bias))?
            .squeeze(1)
    }

    fn loss(&self, batch: &Batch, focus: f32) -> Result<Tensor> {
        let costs = self.costs(batch)?;
        let squares = costs.sub(&batch.targets)?.sqr()?;
        if focus > 0.0 {
            squares.mul(&batch.focused_weights(&costs.detach(), focus)?)
        } else {
            squares.mul(&batch.weights)
        }?
        .sum_all()
    }
}

/// `[decisions, width]`
fn mean_by_decision(h: &Tensor, batch: &Batch) -> Result<Tensor> {
    let decisions = batch.per_candidate.dim(0)?;
    Tensor::zeros((decisions, h.dim(1)?), h.dtype(), h.device())?
        .index_add(&batch.owners, h, 0)?
        .broadcast_mul(&batch.per_candidate)
}

fn scale_to_one(weights: &mut [f32]) {
    let sum: f32 = weights.iter().sum();
    if sum > 0.0 {
        for weight in weights {
            *weight /= sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DecisionRows;
    use lb_authoring::network::Network as _;
    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    /// Decisions of 1 to 5 candidates with random features and targets.
    fn random_data(rng: &mut Xoshiro256PlusPlus) -> Dataset {
        let mut data = Dataset::default();
        for candidates in [3, 1, 5, 2] {
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count)
                    .map(|_| 2.0 * rng.random::<f32>() - 1.0)
                    .collect()
            };
            data.push(DecisionRows {
                rows: &draw(candidates * FEATURES),
                targets: &draw(candidates),
                weights: &vec![1.0 / candidates as f32; candidates],
                context: &draw(CONTEXT),
            });
        }
        data
    }

    fn random_weights(rng: &mut Xoshiro256PlusPlus) -> Weights {
        let mut weights = Weights::heuristic(3, 6, 4).unwrap();
        for value in &mut weights.values {
            *value = 0.6 * (rng.random::<f32>() - 0.5);
        }
        weights
    }

    #[test]
    fn costs_are_those_of_the_exported_formula() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let (data, weights) = (random_data(&mut rng), random_weights(&mut rng));
        let batch = Batch::new(&data, &[2, 0, 1]).unwrap();
        let found = costs(&weights, &batch).unwrap();
        let network = weights.network();
        let expected = [2, 0, 1].into_iter().flat_map(|index| {
            let decision = data.decision(index);
            network.costs(decision.rows, decision.context)
        });
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let (data, weights) = (random_data(&mut rng), random_weights(&mut rng));
        let batch = Batch::new(&data, &[0, 1, 2, 3]).unwrap();
        let exact = loss_with_gradient(&weights, &batch, 0.0).unwrap();
        assert_eq!(exact.gradient.len(), weights.values.len());
        for part in Part::ALL {
            let index = weights.range(part).start;
            let moved = |by: f32| {
                let mut moved = weights.clone();
                moved.values[index] += by;
                f64::from(loss(&moved, &batch).unwrap())
            };
            let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let found = f64::from(exact.gradient[index]);
            assert!(
                (found - expected).abs() < 2e-3,
                "{part:?}: {found} against {expected}"
            );
        }
    }

    #[test]
    fn rows_without_weight_do_not_count() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let weights = random_weights(&mut rng);
        let data = random_data(&mut rng);
        let decision = data.decision(0);
        let loss_with_target = |target: f32| {
            let mut data = Dataset::default();
            data.push(DecisionRows {
                targets: &[0.1, target, 0.3],
                weights: &[1.0, 0.0, 2.0],
                ..decision
            });
            loss(&weights, &Batch::new(&data, &[0]).unwrap()).unwrap()
        };
        assert!((loss_with_target(0.0) - loss_with_target(100.0)).abs() < 1e-6);
    }
}
