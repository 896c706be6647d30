//! `parity.json`: inputs and the costs its exporter computed for them. A runtime serves a model
//! only after reproducing these.

use super::scorer::{Scorer, Workspace};
use crate::features::{CONTEXT, FEATURES};
use serde::Deserialize;

/// Vectors that a file must have at least.
const MIN_VECTORS: usize = 64;
/// Numbers of candidates that must occur.
const REQUIRED_CANDIDATES: [usize; 4] = [1, 2, 8, 32];
/// Candidates of one vector at most; keeps the buffers of the check small.
const MAX_CANDIDATES: usize = 1024;
/// Allowed difference |a − b|, as a share of 1 + |b|: f32 summed in any order stays below.
const TOLERANCE: f32 = 1e-4;

/// The vectors of one model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parity {
    vectors: Vec<Vector>,
}

/// One input and its costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    /// Row-major [d, FEATURES].
    candidates: Vec<f32>,
    context: [f32; CONTEXT],
    cost: Vec<f32>,
}

impl Parity {
    /// Reads the file and checks that it tests what it should.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let parity: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if parity.vectors.len() < MIN_VECTORS {
            return Err(format!(
                "{} vectors, at least {MIN_VECTORS} wanted",
                parity.vectors.len()
            ));
        }
        for (index, vector) in parity.vectors.iter().enumerate() {
            vector
                .check()
                .map_err(|reason| format!("vector {index}: {reason}"))?;
        }
        let occurs = |d: usize| parity.vectors.iter().any(|vector| vector.cost.len() == d);
        match REQUIRED_CANDIDATES.into_iter().find(|d| !occurs(*d)) {
            Some(d) => Err(format!("no vector of {d} candidates")),
            None => Ok(parity),
        }
    }

    /// Scores every vector and compares.
    pub(super) fn check(&self, scorer: &dyn Scorer) -> Result<(), String> {
        let mut workspace = Workspace::default();
        for (index, vector) in self.vectors.iter().enumerate() {
            let mut costs = vec![0.0; vector.cost.len()];
            scorer
                .score(
                    &vector.candidates,
                    &vector.context,
                    &mut costs,
                    &mut workspace,
                )
                .map_err(|error| format!("parity vector {index}: {error}"))?;
            vector
                .compare(&costs)
                .map_err(|reason| format!("parity vector {index}: {reason}"))?;
        }
        Ok(())
    }
}

impl Vector {
    fn check(&self) -> Result<(), String> {
        let d = self.cost.len();
        if !(1..=MAX_CANDIDATES).contains(&d) {
            return Err(format!("{d} costs, 1 to {MAX_CANDIDATES} wanted"));
        }
        if self.candidates.len() != d * FEATURES {
            let found = self.candidates.len();
            return Err(format!("{found} feature values, {d} × {FEATURES} wanted"));
        }
        let mut values = self
            .candidates
            .iter()
            .chain(&self.context)
            .chain(&self.cost);
        match values.find(|value| !value.is_finite()) {
            Some(value) => Err(format!("{value} is not finite")),
            None => Ok(()),
        }
    }

    fn compare(&self, costs: &[f32]) -> Result<(), String> {
        for (row, (cost, expected)) in costs.iter().zip(&self.cost).enumerate() {
            // Written so that NaN fails.
            let agrees = (cost - expected).abs() <= TOLERANCE * (1.0 + expected.abs());
            if !agrees {
                return Err(format!(
                    "cost of candidate {row} is {cost}, expected {expected}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn vectors(candidates: &[usize]) -> serde_json::Value {
        let vector = |d: usize| json!({"candidates": vec![0.5; d * FEATURES], "context": (vec![0.0; CONTEXT]), "cost": vec![1.0; d]});
        json!({"vectors": candidates.iter().map(|d| vector(*d)).collect::<Vec<_>>()})
    }

    fn parse(value: &serde_json::Value) -> Result<Parity, String> {
        Parity::parse(value.to_string().as_bytes())
    }

    #[test]
    fn accepts_sixty_four_vectors_of_the_required_sizes() {
        assert!(parse(&vectors(&[1, 2, 8, 32].repeat(16))).is_ok());
    }

    #[test]
    fn refuses_too_few_vectors_and_missing_sizes() {
        let error = parse(&vectors(&[1, 2, 8, 32])).unwrap_err();
        assert!(error.contains("4 vectors"), "{error}");
        let error = parse(&vectors(&[1, 2, 8].repeat(30))).unwrap_err();
        assert!(error.contains("no vector of 32 candidates"), "{error}");
    }

    #[test]
    fn refuses_lengths_that_do_not_fit_and_empty_vectors() {
        let mut file = vectors(&[1, 2, 8, 32].repeat(16));
        file["vectors"][3]["candidates"] = json!([1.0]);
        assert!(
            parse(&file)
                .unwrap_err()
                .contains("vector 3: 1 feature values")
        );
        file["vectors"][3] = json!({"candidates": [], "context": (vec![0.0; CONTEXT]), "cost": []});
        assert!(parse(&file).unwrap_err().contains("vector 3: 0 costs"));
    }

    #[test]
    fn not_a_number_never_agrees() {
        let vector = Vector {
            candidates: vec![],
            context: [0.0; CONTEXT],
            cost: vec![1.0],
        };
        assert!(vector.compare(&[1.000_1]).is_ok());
        assert!(vector.compare(&[1.001]).is_err());
        assert!(vector.compare(&[f32::NAN]).is_err());
        assert!(vector.compare(&[f32::INFINITY]).is_err());
    }
}
