//! The weights of the study's network in one flat vector, as fitting and searching see them, and
//! as they are kept in `weights.json` beside an exported model.

use anyhow::{Context as _, ensure};
use lb_authoring::{default_model, export::Export, study::StudyNet};
use lb_policy::{
    features::{CONTEXT, FEATURES, schema_id},
    model::{Scorer, compile_native},
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};
use std::{fs, ops::Range, path::Path, sync::Arc};

/// File of the weights beside a model; fitting goes on from it.
pub const WEIGHTS_FILE: &str = "weights.json";

/// Weights of a network h = relu(W1 x + Wg g + b1), z = relu(W2 h + Wp mean(h) + b2),
/// cost = w3 z + wl x + b.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Feature schema they were made for.
    pub schema: String,
    /// Width of the first layer.
    pub first: usize,
    /// Width of the second layer.
    pub second: usize,
    /// All of them, in the order of [`Part`], matrices row-major `[inputs, outputs]`.
    pub values: Vec<f32>,
}

/// A matrix or vector of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// W1, `[FEATURES, first]`.
    First,
    /// Wg, `[CONTEXT, first]`.
    Context,
    /// b1, `[first]`.
    FirstBias,
    /// W2, `[first, second]`.
    Second,
    /// Wp, `[first, second]`.
    Pooled,
    /// b2, `[second]`.
    SecondBias,
    /// w3, `[second]`.
    Head,
    /// wl, `[FEATURES]`.
    Linear,
    /// b, `[1]`.
    Bias,
}

impl Part {
    /// All parts, in the order of their weights.
    pub const ALL: [Self; 9] = [
        Self::First,
        Self::Context,
        Self::FirstBias,
        Self::Second,
        Self::Pooled,
        Self::SecondBias,
        Self::Head,
        Self::Linear,
        Self::Bias,
    ];
}

impl Weights {
    /// A network that decides as the hand-set default model does, but for a small random part
    /// drawn from `seed`, which fitting grows.
    ///
    /// # Errors
    /// When the feature table lacks a feature of the default model.
    pub fn heuristic(seed: u64, first: usize, second: usize) -> anyhow::Result<Self> {
        let mut weights = Self::zero(first, second);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let inputs = 1.5 / (FEATURES + CONTEXT) as f32;
        for (part, variance) in [
            (Part::First, inputs),
            (Part::Context, inputs),
            (Part::Second, 1.0 / first as f32),
            (Part::Pooled, 1.0 / first as f32),
            (Part::Head, 0.01 / second as f32),
        ] {
            let bound = (3.0 * variance).sqrt(); // of a uniform distribution of that variance
            for value in weights.part_mut(part) {
                *value = bound * (2.0 * rng.random::<f32>() - 1.0);
            }
        }
        let linear = default_model::network()?.weights;
        weights.part_mut(Part::Linear).copy_from_slice(&linear);
        Ok(weights)
    }

    /// Reads the weights beside the model in `dir`.
    ///
    /// # Errors
    /// When there are none, they are damaged, or were made for another feature schema.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(WEIGHTS_FILE);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let weights: Self =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        weights
            .check()
            .with_context(|| path.display().to_string())?;
        Ok(weights)
    }

    /// Checks schema, lengths and finiteness.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.schema == schema_id(),
            "schema: made for {}, this build has {}",
            self.schema,
            schema_id()
        );
        let widths = 1..=4096;
        ensure!(
            widths.contains(&self.first) && widths.contains(&self.second),
            "first, second: {} and {} are not within 1 to 4096",
            self.first,
            self.second
        );
        let expected = self.range(Part::Bias).end;
        let found = self.values.len();
        ensure!(
            found == expected,
            "values: {found} weights, {expected} wanted"
        );
        ensure!(
            self.values.iter().all(|value| value.is_finite()),
            "values: not all are finite"
        );
        Ok(())
    }

    /// Dimensions of a part.
    pub fn dims(&self, part: Part) -> (usize, usize) {
        let (first, second) = (self.first, self.second);
        match part {
            Part::First => (FEATURES, first),
            Part::Context => (CONTEXT, first),
            Part::FirstBias => (1, first),
            Part::Second | Part::Pooled => (first, second),
            Part::SecondBias => (1, second),
            Part::Head => (second, 1),
            Part::Linear => (FEATURES, 1),
            Part::Bias => (1, 1),
        }
    }

    /// Where a part's weights are among all.
    pub fn range(&self, part: Part) -> Range<usize> {
        let length = |part: Part| {
            let (inputs, outputs) = self.dims(part);
            inputs * outputs
        };
        let before = Part::ALL.iter().take_while(|other| **other != part);
        let start = before.map(|other| length(*other)).sum();
        start..start + length(part)
    }

    /// Where the weights of the head are: the last biases, the output, the skip path.
    pub fn head(&self) -> Range<usize> {
        self.range(Part::SecondBias).start..self.values.len()
    }

    /// A part's weights.
    pub fn part(&self, part: Part) -> &[f32] {
        &self.values[self.range(part)]
    }

    /// The network for export.
    pub fn network(&self) -> StudyNet {
        let part = |part| self.part(part).to_vec();
        StudyNet {
            first: part(Part::First),
            context: part(Part::Context),
            first_bias: part(Part::FirstBias),
            second: part(Part::Second),
            pooled: part(Part::Pooled),
            second_bias: part(Part::SecondBias),
            head: part(Part::Head),
            linear: part(Part::Linear),
            bias: self.part(Part::Bias)[0],
        }
    }

    /// The network as the proxy scores with it.
    ///
    /// # Errors
    /// When the native runtime does not take it.
    pub fn scorer(&self) -> anyhow::Result<Arc<dyn Scorer>> {
        let bytes = Export::new("training", 1, "in training").model(&self.network());
        let scorer = compile_native(&bytes).context("the native runtime refuses the network")?;
        Ok(Arc::from(scorer))
    }

    /// The network whose cost is the mean of the costs of `members`, as wide as all together: each
    /// keeps its own units, and those of different members do not meet.
    ///
    /// # Errors
    /// Without members.
    pub fn mean_of(members: &[Self]) -> anyhow::Result<Self> {
        ensure!(
            !members.is_empty(),
            "there is no network to take the mean of"
        );
        let sum = |width: fn(&Self) -> usize| members.iter().map(width).sum();
        let mut mean = Self::zero(sum(|member| member.first), sum(|member| member.second));
        let (mut first, mut second) = (0, 0);
        for member in members {
            for part in Part::ALL {
                mean.add_block(member, part, place(part, first, second));
            }
            first += member.first;
            second += member.second;
        }
        let share = 1.0 / members.len() as f32;
        for part in [Part::Head, Part::Linear, Part::Bias] {
            for value in mean.part_mut(part) {
                *value *= share;
            }
        }
        Ok(mean)
    }

    /// Adds a part of `member` to the same part, from the given row and column on.
    fn add_block(&mut self, member: &Self, part: Part, (row, column): (usize, usize)) {
        let (_, width) = self.dims(part);
        let (_, columns) = member.dims(part);
        let rows = self.part_mut(part).chunks_exact_mut(width).skip(row);
        for (own, others) in rows.zip(member.part(part).chunks_exact(columns)) {
            for (value, other) in own[column..].iter_mut().zip(others) {
                *value += other;
            }
        }
    }

    fn zero(first: usize, second: usize) -> Self {
        let mut weights = Self {
            schema: schema_id().to_owned(),
            first,
            second,
            values: Vec::new(),
        };
        weights.values.resize(weights.range(Part::Bias).end, 0.0);
        weights
    }

    /// A part's weights, to be changed.
    pub fn part_mut(&mut self, part: Part) -> &mut [f32] {
        let range = self.range(part);
        &mut self.values[range]
    }
}

/// Row and column at which a network begins in one that holds several, behind others of so many
/// units.
fn place(part: Part, first: usize, second: usize) -> (usize, usize) {
    match part {
        Part::First | Part::Context | Part::FirstBias => (0, first),
        Part::Second | Part::Pooled => (first, second),
        Part::SecondBias => (0, second),
        Part::Head => (second, 0),
        Part::Linear | Part::Bias => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_authoring::network::Network as _;

    #[test]
    fn a_fresh_network_ranks_as_the_hand_set_model_does() {
        let weights = Weights::heuristic(1, 32, 24).unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let rows: Vec<f32> = (0..50 * FEATURES).map(|_| rng.random::<f32>()).collect();
        let ours = weights.network().costs(&rows, &[0.5; CONTEXT]);
        let theirs = default_model::network()
            .unwrap()
            .costs(&rows, &[0.5; CONTEXT]);
        let shift = ours[0] - theirs[0];
        for (a, b) in ours.iter().zip(&theirs) {
            assert!((a - b - shift).abs() < 0.2, "{a} against {b} and {shift}");
        }
    }

    #[test]
    fn the_mean_of_networks_costs_the_mean_of_their_costs() {
        let widths = [(1, 5, 3), (2, 4, 4), (3, 7, 2)];
        let members = widths.map(|(seed, first, second)| {
            let mut member = Weights::heuristic(seed, first, second).unwrap();
            for (value, by) in member.values.iter_mut().zip((0..17).cycle()) {
                *value += by as f32 * 0.02 - 0.16;
            }
            member
        });
        let mean = Weights::mean_of(&members).unwrap();
        mean.check().unwrap();
        assert_eq!((mean.first, mean.second), (16, 9));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
        let rows: Vec<f32> = (0..6 * FEATURES).map(|_| rng.random::<f32>()).collect();
        let costs = |weights: &Weights| weights.network().costs(&rows, &[0.5; CONTEXT]);
        let of_members = members.each_ref().map(costs);
        for (row, cost) in costs(&mean).iter().enumerate() {
            let expected = of_members.iter().map(|costs| costs[row]).sum::<f64>() / 3.0;
            assert!((cost - expected).abs() < 1e-5, "{cost} for {expected}");
        }
        assert!(Weights::mean_of(&[]).is_err());
    }

    #[test]
    fn parts_are_disjoint_and_cover_all() {
        let weights = Weights::heuristic(1, 5, 3).unwrap();
        let mut next = 0;
        for part in Part::ALL {
            assert_eq!(weights.range(part).start, next);
            next = weights.range(part).end;
        }
        assert_eq!(next, weights.values.len());
        assert_eq!(weights.head().len(), 3 + 3 + FEATURES + 1);
    }

    #[test]
    fn weights_of_another_schema_or_length_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = |weights: &Weights| {
            let text = serde_json::to_string(weights).unwrap();
            fs::write(folder.path().join(WEIGHTS_FILE), text).unwrap();
        };
        let good = Weights::heuristic(1, 4, 4).unwrap();
        store(&good);
        assert_eq!(Weights::load(folder.path()).unwrap(), good);
        for (bad, reason) in [
            (
                Weights {
                    schema: "1:other".to_owned(),
                    ..good.clone()
                },
                "made for 1:other",
            ),
            (
                Weights {
                    first: 5,
                    ..good.clone()
                },
                "weights,",
            ),
        ] {
            store(&bad);
            let error = format!("{:#}", Weights::load(folder.path()).unwrap_err());
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("weights.json"), "{error}");
        }
    }
}
