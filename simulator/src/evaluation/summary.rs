//! The figures of an evaluation that people read: one table for each family and one over all.

use super::{
    bootstrap::Estimate,
    compare::{
        Pair, error_rate, gap_closed, hindsight_best, is_saturated, median_ratio, objective,
        ratios, wins,
    },
    figures::Metric,
    results::{ContenderInfo, FamilyInfo, FamilyResults},
    statistics::{mean, median, quantile},
};
use crate::contender::Kind;
use serde::Serialize;

/// Label of the policy from which the gap to the oracle is measured.
pub const GAP_FROM: &str = "peak_ewma";
/// Label of the oracle to which it is measured.
pub const GAP_TO: &str = "oracle";

/// What ratios are taken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// In each family its best hand-written policy.
    HindsightBest,
    /// The contender at an index, everywhere.
    Contender(usize),
}

/// All of an evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What ratios are taken to, in words.
    pub reference: String,
    /// Each family.
    pub families: Vec<FamilySummary>,
    /// Over the families, best first.
    pub overall: Vec<Standing>,
}

/// One family.
#[derive(Clone, Debug, Serialize)]
pub struct FamilySummary {
    /// The family.
    pub family: FamilyInfo,
    /// Number of seeds.
    pub seeds: usize,
    /// Label of the hand-written policy with the lowest J.
    pub hindsight_best: Option<String>,
    /// Whether it is left out of means over families.
    pub saturated: bool,
    /// Contenders, best first.
    pub rows: Vec<Row>,
}

/// One contender in one family.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Label of the contender.
    pub contender: String,
    /// What it rests on.
    pub kind: Kind,
    /// Mean of J over the seeds, lower is better.
    pub objective: f64,
    /// Medians over the seeds.
    pub median: Medians,
    /// Mean error rate over the seeds.
    pub mean_error_rate: f64,
    /// Ratios to the reference, which is missing where no hand-written policy took part.
    pub ratio: Option<Ratios>,
    /// Seeds with a lower J than the reference.
    pub wins: usize,
}

/// Medians over the seeds of a family. Times in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Medians {
    /// Mean latency.
    pub mean: f64,
    /// Median latency.
    pub p50: f64,
    /// 99 % quantile of the latency.
    pub p99: f64,
    /// 99.9 % quantile of the latency.
    pub p999: f64,
    /// Share of failed requests.
    pub error_rate: f64,
    /// Successful responses per second.
    pub goodput: f64,
    /// Share of optimal decisions.
    pub optimal_share: f64,
}

/// Ratios of latencies to the reference.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratios {
    /// Of the mean.
    pub mean: Spread,
    /// Of the median.
    pub p50: Spread,
    /// Of the 99 % quantile.
    pub p99: Spread,
    /// Of the 99.9 % quantile.
    pub p999: Spread,
}

/// A median over seeds with its interval, and the quartiles of the seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// The median.
    pub median: Estimate,
    /// First quartile.
    pub q25: f64,
    /// Third quartile.
    pub q75: f64,
}

/// One contender over the families.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// Label of the contender.
    pub contender: String,
    /// What it rests on.
    pub kind: Kind,
    /// Mean of J over all families.
    pub objective: f64,
    /// Mean error rate over all families.
    pub error_rate: f64,
    /// Mean share of optimal decisions over the unsaturated families.
    pub optimal_share: f64,
    /// Geometric means of the ratios over the unsaturated families.
    pub ratio: Option<MeanRatios>,
    /// Part of the gap from [`GAP_FROM`] to [`GAP_TO`] closed on J in the unsaturated families.
    pub gap_closed: Option<Estimate>,
    /// Runs with a lower J than the reference.
    pub wins: usize,
    /// Runs.
    pub runs: usize,
}

/// Geometric means over families of the median ratios to the reference.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MeanRatios {
    /// Of the mean.
    pub mean: Estimate,
    /// Of the median.
    pub p50: Estimate,
    /// Of the 99 % quantile.
    pub p99: Estimate,
    /// Of the 99.9 % quantile.
    pub p999: Estimate,
}

/// Summarizes results that passed [`check`](super::check).
pub fn summarize(
    contenders: &[ContenderInfo],
    families: &[FamilyResults],
    reference: Reference,
) -> Summary {
    let view = View {
        contenders,
        families,
        reference,
    };
    let indices = 0..contenders.len();
    let mut overall: Vec<_> = indices.map(|index| view.standing(index)).collect();
    overall.sort_by(|a, b| a.objective.total_cmp(&b.objective));
    Summary {
        reference: match reference {
            Reference::HindsightBest => "the best hand-written policy of the family".to_owned(),
            Reference::Contender(index) => contenders[index].label.clone(),
        },
        families: families.iter().map(|family| view.family(family)).collect(),
        overall,
    }
}

/// The results with what they are compared to.
struct View<'a> {
    contenders: &'a [ContenderInfo],
    families: &'a [FamilyResults],
    reference: Reference,
}

impl<'a> View<'a> {
    fn pair(&self, family: &'a FamilyResults, contender: usize) -> Option<Pair<'a>> {
        let baseline = match self.reference {
            Reference::HindsightBest => hindsight_best(self.contenders, family)?,
            Reference::Contender(index) => index,
        };
        Some(Pair {
            family,
            contender,
            baseline,
        })
    }

    fn family(&self, family: &'a FamilyResults) -> FamilySummary {
        let indices = 0..self.contenders.len();
        let mut rows: Vec<_> = indices.map(|index| self.row(family, index)).collect();
        rows.sort_by(|a, b| a.objective.total_cmp(&b.objective));
        let best = hindsight_best(self.contenders, family);
        FamilySummary {
            family: family.family.clone(),
            seeds: family.seeds.len(),
            hindsight_best: best.map(|best| self.contenders[best].label.clone()),
            saturated: is_saturated(self.contenders, family),
            rows,
        }
    }

    fn row(&self, family: &'a FamilyResults, index: usize) -> Row {
        let contender = &self.contenders[index];
        let pair = self.pair(family, index);
        Row {
            contender: contender.label.clone(),
            kind: contender.kind,
            objective: objective(family, index),
            median: Medians::of(family, index),
            mean_error_rate: error_rate(family, index),
            ratio: pair.as_ref().map(Ratios::of),
            wins: pair.as_ref().map_or(0, wins),
        }
    }

    fn standing(&self, index: usize) -> Standing {
        let contender = &self.contenders[index];
        let of_all = |figure: fn(&FamilyResults, usize) -> f64| {
            let values: Vec<f64> = self.families.iter().map(|f| figure(f, index)).collect();
            mean(&values)
        };
        let unsaturated: Vec<_> = self.unsaturated().collect();
        let optimal: Vec<f64> = unsaturated
            .iter()
            .flat_map(|family| family.values(index, Metric::OptimalShare))
            .collect();
        let pairs = |families: &[&'a FamilyResults]| -> Vec<Pair<'a>> {
            let pairs = families
                .iter()
                .filter_map(|family| self.pair(family, index));
            pairs.collect()
        };
        let everywhere: Vec<_> = self.families.iter().collect();
        Standing {
            contender: contender.label.clone(),
            kind: contender.kind,
            objective: of_all(objective),
            error_rate: of_all(error_rate),
            optimal_share: mean(&optimal),
            ratio: MeanRatios::of(&pairs(&unsaturated)),
            gap_closed: self.gap_closed(&unsaturated, index),
            wins: pairs(&everywhere).iter().map(wins).sum(),
            runs: everywhere.iter().map(|family| family.seeds.len()).sum(),
        }
    }

    fn unsaturated(&self) -> impl Iterator<Item = &'a FamilyResults> {
        let families = self.families.iter();
        families.filter(|family| !is_saturated(self.contenders, family))
    }

    fn gap_closed(&self, families: &[&'a FamilyResults], contender: usize) -> Option<Estimate> {
        let find = |label| self.contenders.iter().position(|c| c.label == label);
        let (baseline, goal) = (find(GAP_FROM)?, find(GAP_TO)?);
        let pair = |family: &&'a FamilyResults| Pair {
            family,
            contender,
            baseline,
        };
        let pairs: Vec<_> = families.iter().map(pair).collect();
        (!pairs.is_empty()).then(|| gap_closed(&pairs, goal))
    }
}

impl Medians {
    fn of(family: &FamilyResults, contender: usize) -> Self {
        let of = |metric| median(&family.values(contender, metric));
        Self {
            mean: of(Metric::Mean),
            p50: of(Metric::P50),
            p99: of(Metric::P99),
            p999: of(Metric::P999),
            error_rate: of(Metric::ErrorRate),
            goodput: of(Metric::Goodput),
            optimal_share: of(Metric::OptimalShare),
        }
    }
}

impl Ratios {
    fn of(pair: &Pair<'_>) -> Self {
        let of = |metric| {
            let per_seed = ratios(pair, metric);
            Spread {
                median: median_ratio(&[*pair], metric),
                q25: quantile(&per_seed, 0.25),
                q75: quantile(&per_seed, 0.75),
            }
        };
        Self {
            mean: of(Metric::Mean),
            p50: of(Metric::P50),
            p99: of(Metric::P99),
            p999: of(Metric::P999),
        }
    }
}

impl MeanRatios {
    /// `None` without a family.
    fn of(pairs: &[Pair<'_>]) -> Option<Self> {
        let of = |metric| median_ratio(pairs, metric);
        (!pairs.is_empty()).then(|| Self {
            mean: of(Metric::Mean),
            p50: of(Metric::P50),
            p99: of(Metric::P99),
            p999: of(Metric::P999),
        })
    }
}
