//! What came of an evaluation: for each family the figures of each contender on each seed.

use super::figures::{Figures, Metric};
use crate::contender::{Contender, Kind, ModelInfo};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A contender as a report remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContenderInfo {
    /// Its label, by which results name it.
    pub label: String,
    /// What it rests on.
    pub kind: Kind,
    /// The model from a folder that it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
}

/// A family as a report remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyInfo {
    /// Its name.
    pub name: String,
    /// The file it was read from.
    pub file: String,
}

/// The runs of one family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyResults {
    /// The family.
    pub family: FamilyInfo,
    /// Seeds of its scenarios.
    pub seeds: Vec<u64>,
    /// For each contender, in order, its figures on each seed, in order.
    pub runs: Vec<Vec<Figures>>,
}

/// Why results make no sense.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Too few or too many runs.
    #[error("family {family}: {found} {what}, expected {expected}")]
    Count {
        /// The family.
        family: String,
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A run without usable figures.
    #[error("family {family}, contender {contender}, seed {seed}: {reason}")]
    Run {
        /// The family.
        family: String,
        /// The contender.
        contender: String,
        /// The seed.
        seed: u64,
        /// What is wrong.
        reason: String,
    },
    /// Two of one name.
    #[error("{what} `{name}` is there twice")]
    Twice {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// No contender or no family.
    #[error("there are no {0}")]
    Nothing(&'static str),
}

impl ContenderInfo {
    /// What a report remembers of `contender`.
    pub fn of(contender: &Contender) -> Self {
        Self {
            label: contender.label().to_owned(),
            kind: contender.kind(),
            model: contender.model().cloned(),
        }
    }
}

impl FamilyInfo {
    /// The file's name without folder and ending, by which gates know a family.
    pub fn stem(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        name.split('.').next().unwrap_or(name)
    }

    /// The name of the folder that the file lies in, empty without one.
    pub fn folder(&self) -> &str {
        self.file.rsplit('/').nth(1).unwrap_or("")
    }
}

impl FamilyResults {
    /// One metric of the contender at `index`, seed by seed.
    pub(super) fn values(&self, index: usize, metric: Metric) -> Vec<f64> {
        self.runs[index].iter().map(|run| metric.of(run)).collect()
    }
}

/// Checks that results are complete and comparable, which everything that compares relies on.
///
/// # Errors
/// Names the first family, contender and seed that is not.
pub fn check(contenders: &[ContenderInfo], families: &[FamilyResults]) -> Result<(), ResultsError> {
    refuse_twice("contender", contenders.iter().map(|c| c.label.as_str()))?;
    refuse_twice(
        "family file",
        families.iter().map(|f| f.family.file.as_str()),
    )?;
    if contenders.is_empty() {
        return Err(ResultsError::Nothing("contenders"));
    }
    if families.is_empty() {
        return Err(ResultsError::Nothing("families"));
    }
    families
        .iter()
        .try_for_each(|family| check_family(contenders, family))
}

fn check_family(contenders: &[ContenderInfo], results: &FamilyResults) -> Result<(), ResultsError> {
    let family = &results.family.name;
    let count = |what, found: usize, expected: usize| ResultsError::Count {
        family: family.clone(),
        what,
        found,
        expected,
    };
    if results.seeds.is_empty() {
        return Err(count("seeds", 0, 1));
    }
    if results.runs.len() != contenders.len() {
        return Err(count("contenders", results.runs.len(), contenders.len()));
    }
    for (contender, runs) in contenders.iter().zip(&results.runs) {
        if runs.len() != results.seeds.len() {
            return Err(count(
                "runs of a contender",
                runs.len(),
                results.seeds.len(),
            ));
        }
        for (run, seed) in runs.iter().zip(&results.seeds) {
            if let Some(reason) = run.problem() {
                return Err(ResultsError::Run {
                    family: family.clone(),
                    contender: contender.label.clone(),
                    seed: *seed,
                    reason,
                });
            }
        }
    }
    Ok(())
}

fn refuse_twice<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), ResultsError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ResultsError::Twice {
                what,
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}
