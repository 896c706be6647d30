//! Results made by hand for tests: contenders whose figures are known.

use super::{ContenderInfo, FamilyInfo, FamilyResults, Figures, LatencyFigures};
use crate::contender::Kind;

/// Seeds of each family.
const SEEDS: u64 = 4;

/// Results over families in which every contender's latency is known, and whose parts tests
/// change.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) contenders: Vec<ContenderInfo>,
    pub(crate) families: Vec<FamilyResults>,
}

impl Default for Fixture {
    /// The usual contenders in one family.
    fn default() -> Self {
        Self::new(&["families/heterogeneous.yaml"])
    }
}

impl Fixture {
    /// `peak_ewma` at 1 second on every seed, `least_request` at 2, with all choices at 1.2,
    /// `oracle` at 0.5 and `onnx:model=m` at 0.7, in families of the given files.
    pub(crate) fn new(files: &[&str]) -> Self {
        let labels = [
            "peak_ewma",
            "least_request",
            "least_request:choices=all",
            "oracle",
            "onnx:model=m",
        ];
        let seconds = [1.0, 2.0, 1.2, 0.5, 0.7];
        let families: Vec<_> = files.iter().map(|file| (*file, &seconds[..])).collect();
        Self::of(&labels, &families)
    }

    /// Contenders with the same latency, in seconds, on all seeds of a family.
    pub(crate) fn of(labels: &[&str], families: &[(&str, &[f64])]) -> Self {
        Self {
            contenders: labels.iter().map(|label| info(label)).collect(),
            families: families.iter().map(|(file, s)| family(file, s)).collect(),
        }
    }

    /// Changes the figures of a contender in one family; `to` gets the number of the seed.
    pub(crate) fn change(
        mut self,
        file: &str,
        label: &str,
        to: impl Fn(usize, &mut Figures),
    ) -> Self {
        let index = self.index(label);
        let mut families = self.families.iter_mut();
        let family = families
            .find(|family| family.family.file == file)
            .expect("a family of the fixture");
        for (seed, figures) in family.runs[index].iter_mut().enumerate() {
            to(seed, figures);
        }
        self
    }

    pub(crate) fn index(&self, label: &str) -> usize {
        let mut contenders = self.contenders.iter();
        contenders
            .position(|contender| contender.label == label)
            .expect("a contender of the fixture")
    }
}

fn family(file: &str, seconds: &[f64]) -> FamilyResults {
    let runs = seconds
        .iter()
        .map(|seconds| vec![figures(*seconds); SEEDS as usize]);
    let stem = file.rsplit('/').next().unwrap_or(file);
    FamilyResults {
        family: FamilyInfo {
            name: stem.trim_end_matches(".yaml").to_owned(),
            file: file.to_owned(),
        },
        seeds: (0..SEEDS).collect(),
        runs: runs.collect(),
    }
}

/// Figures with every latency the same.
pub(crate) fn figures(seconds: f64) -> Figures {
    let latency = LatencyFigures {
        mean: seconds,
        p50: seconds,
        p99: seconds,
        p999: seconds,
        norm: seconds,
    };
    Figures {
        requests: 100_000,
        errors: 0,
        timeouts: 0,
        goodput: 1000.0,
        latency,
        penalized: latency,
        optimal_share: 0.5,
        decisions: 100_000,
        fallbacks: 0,
    }
}

fn info(label: &str) -> ContenderInfo {
    let kind = match label {
        label if label.starts_with("onnx") => Kind::Learned,
        label if label.starts_with("oracle") => Kind::Oracle,
        _ => Kind::HandWritten,
    };
    ContenderInfo {
        label: label.to_owned(),
        kind,
        model: None,
    }
}
