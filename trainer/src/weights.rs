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
