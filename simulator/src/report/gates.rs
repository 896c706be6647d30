//! What the learned policy has to reach before it is released, measured in a report.

use super::{
    document::Report,
    verdict::{Gate, Measure, Verdict},
};
use crate::{
    contender::{Kind, hand_written},
    evaluation::{
        Estimate, FamilyResults, GAP_FROM, GAP_TO, Metric, Pair, error_excess, error_rate,
        error_ratio, gap_closed, hindsight_best, is_saturated, median_ratio,
    },
};

/// Folders of the families, next to each other.
const HELD_OUT: &str = "families";
const SHIFT: &str = "shift";
const MISSING: &str = "missing";

/// Families in which a learned policy must be clearly better.
const CLEAR: [&str; 4] = ["heterogeneous", "antagonist", "high_rate", "mixed"];
/// Families with more load than the servers can take.
const OVERLOADED: [&str; 3] = ["overload", "load_125", "four_endpoints"];
/// Families larger than those of the training.
const LARGE: [&str; 3] = ["servers_128", "scale_512", "balancers_16"];

/// Labels of the baselines.
const PEAK_EWMA: &str = GAP_FROM;
const LEAST_CONNECTIONS: &str = "least_request:choices=all";
const LEAST_REQUEST_P2C: &str = "least_request";

const FEWEST_SEEDS: f64 = 10.0;
/// How many families there are in each folder; a report over some of them proves less.
const FAMILIES: [(&str, usize); 3] = [(HELD_OUT, 14), (SHIFT, 12), (MISSING, 16)];

/// Why nothing can be judged.
#[derive(Debug, thiserror::Error)]
pub enum GatesError {
    /// No learned contender, or several.
    #[error("which learned contender is to be judged? There are {0}; name it with `--learned`")]
    Which(String),
    /// No contender of this name.
    #[error("no contender `{0}` in the report")]
    Unknown(String),
}

/// Judges the learned contender `learned`, or the only one, by `report`.
///
/// # Errors
/// When it is not plain which contender is meant.
pub fn judge(report: &Report, learned: Option<&str>) -> Result<Vec<Verdict>, GatesError> {
    let bench = Bench {
        report,
        learned: find_learned(report, learned)?,
    };
    Ok(vec![
        bench.evidence_families(),
        bench.evidence_seeds(),
        bench.evidence_contenders(),
        bench.clear_wins(),
        bench.everywhere(),
        bench.mean_p99("geometric mean p99 vs peak_ewma", PEAK_EWMA, 0.88, 0.80),
        bench.mean_p99(
            "geometric mean p99 vs leastconn",
            LEAST_CONNECTIONS,
            0.80,
            0.70,
        ),
        bench.mean_p99(
            "geometric mean p99 vs least-request P2C",
            LEAST_REQUEST_P2C,
            0.50,
            0.45,
        ),
        bench.mean_ratio(
            Gate::ratio("geometric mean p50 vs peak_ewma", 1.00, 0.95),
            PEAK_EWMA,
            Metric::P50,
        ),
        bench.gap(),
        bench.errors(),
        bench.overload_goodput(),
        bench.overload_errors(),
        bench.missing("p99 with missing sources vs the fallback", Metric::P99),
        bench.missing("mean with missing sources vs the fallback", Metric::Mean),
        bench.large(),
    ])
}

fn find_learned(report: &Report, wanted: Option<&str>) -> Result<usize, GatesError> {
    if let Some(label) = wanted {
        let full = format!("onnx:model={label}");
        let found = report.find(label).or_else(|| report.find(&full));
        return found.ok_or_else(|| GatesError::Unknown(label.to_owned()));
    }
    let contenders = report.contenders.iter().enumerate();
    let learned: Vec<_> = contenders
        .filter(|(_, c)| c.kind == Kind::Learned)
        .collect();
    match learned[..] {
        [(index, _)] => Ok(index),
        [] => Err(GatesError::Which("none".to_owned())),
        _ => {
            let labels: Vec<_> = learned.iter().map(|(_, c)| c.label.as_str()).collect();
            Err(GatesError::Which(labels.join(", ")))
        }
    }
}

/// A report and who is judged by it.
struct Bench<'a> {
    report: &'a Report,
    learned: usize,
}

impl<'a> Bench<'a> {
    fn evidence_families(&self) -> Verdict {
        let gate = Gate {
            title: "families that were run",
            unit: "",
            larger_is_better: true,
            gate: FAMILIES.iter().map(|(_, count)| *count as f64).sum(),
            goal: None,
        };
        let found = FAMILIES.map(|(folder, _)| self.in_folders(&[folder]).count());
        let lacking = FAMILIES.iter().zip(found);
        let lacking = lacking.filter(|((_, count), found)| found < count);
        let lacking = lacking
            .map(|((folder, count), found)| format!("{} of {count} in {folder}/", count - found));
        let measure = Measure::over_all(exactly(found.iter().sum::<usize>() as f64));
        Verdict::new(gate, vec![measure], lacking.collect())
    }

    fn evidence_seeds(&self) -> Verdict {
        let gate = Gate {
            title: "seeds in each family",
            unit: "",
            larger_is_better: true,
            gate: FEWEST_SEEDS,
            goal: None,
        };
        let measures = self.report.families.iter().map(|family| {
            let seeds = family.seeds.len() as f64;
            Measure::of(family, exactly(seeds))
        });
        Verdict::new(gate, measures.collect(), Vec::new())
    }

    /// A best in hindsight among few would be easy to beat.
    fn evidence_contenders(&self) -> Verdict {
        let gate = Gate {
            title: "hand-written policies that took part",
            unit: "",
            larger_is_better: true,
            gate: hand_written().len() as f64,
            goal: None,
        };
        let labels = hand_written().iter();
        let lacking = labels.filter(|label| self.report.find(label).is_none());
        let lacking: Vec<_> = lacking.map(|label| (*label).to_owned()).collect();
        let there = (hand_written().len() - lacking.len()) as f64;
        Verdict::new(gate, vec![Measure::over_all(exactly(there))], lacking)
    }

    fn clear_wins(&self) -> Verdict {
        let gate = Gate::ratio(
            "p99 vs hindsight best: heterogeneous, antagonist, high rate, mixed",
            0.90,
            0.80,
        );
        let (families, lacking) = self.named(&CLEAR);
        self.against_hindsight_best(gate, families, lacking)
    }

    fn everywhere(&self) -> Verdict {
        let gate = Gate::ratio("p99 vs hindsight best: every other family", 1.05, 1.00);
        let judged = self.in_folders(&[HELD_OUT, SHIFT]);
        let others = judged.filter(|family| !CLEAR.contains(&family.family.stem()));
        let lacking = [HELD_OUT, SHIFT]
            .into_iter()
            .filter(|folder| self.in_folders(&[folder]).next().is_none());
        let lacking = lacking.map(|folder| format!("{folder}/*")).collect();
        self.against_hindsight_best(gate, others.collect(), lacking)
    }

    fn against_hindsight_best(
        &self,
        gate: Gate,
        families: Vec<&'a FamilyResults>,
        mut lacking: Vec<String>,
    ) -> Verdict {
        let mut measures = Vec::new();
        for family in families {
            match hindsight_best(&self.report.contenders, family) {
                Some(best) => {
                    let ratio = median_ratio(&[self.pair(family, best)], Metric::P99);
                    measures.push(Measure::of(family, ratio));
                }
                None => lacking.push(format!("a hand-written policy in {}", family.family.name)),
            }
        }
        Verdict::new(gate, measures, lacking)
    }

    fn mean_p99(&self, title: &'static str, baseline: &str, gate: f64, goal: f64) -> Verdict {
        self.mean_ratio(Gate::ratio(title, gate, goal), baseline, Metric::P99)
    }

    fn mean_ratio(&self, gate: Gate, baseline: &str, metric: Metric) -> Verdict {
        self.over_unsaturated(gate, &[baseline], |pairs, _| median_ratio(pairs, metric))
    }

    fn gap(&self) -> Verdict {
        let gate = Gate {
            title: "gap from peak_ewma to the oracle closed on J",
            unit: " %",
            larger_is_better: true,
            gate: 45.0,
            goal: Some(65.0),
        };
        self.over_unsaturated(gate, &[PEAK_EWMA, GAP_TO], |pairs, others| {
            scaled(gap_closed(pairs, others[1]), 100.0)
        })
    }

    /// One figure over the unsaturated held-out families, against the first of `others`.
    fn over_unsaturated(
        &self,
        gate: Gate,
        others: &[&str],
        figure: impl Fn(&[Pair<'a>], &[usize]) -> Estimate,
    ) -> Verdict {
        let (others, mut lacking) = self.contenders(others);
        let contenders = &self.report.contenders;
        let families = self.in_folders(&[HELD_OUT]);
        let unsaturated: Vec<_> = families.filter(|f| !is_saturated(contenders, f)).collect();
        if unsaturated.is_empty() {
            lacking.push(format!("{HELD_OUT}/*"));
        }
        if !lacking.is_empty() {
            return Verdict::new(gate, Vec::new(), lacking);
        }
        let pairs = unsaturated
            .iter()
            .map(|family| self.pair(family, others[0]));
        let estimate = figure(&pairs.collect::<Vec<_>>(), &others);
        Verdict::new(gate, vec![Measure::over_all(estimate)], lacking)
    }

    /// Overloaded families have limits of their own.
    fn errors(&self) -> Verdict {
        let gate = Gate {
            title: "errors above 1.1 x those of the hindsight best (goal: above its own)",
            unit: " points",
            larger_is_better: false,
            gate: 0.05,
            goal: Some(0.0),
        };
        let judged = self.in_folders(&[HELD_OUT, SHIFT]);
        let families = judged.filter(|family| !OVERLOADED.contains(&family.family.stem()));
        let mut measures = Vec::new();
        for family in families {
            let Some(best) = hindsight_best(&self.report.contenders, family) else {
                continue;
            };
            let pair = self.pair(family, best);
            measures.push(Measure {
                name: family.family.name.clone(),
                estimate: scaled(error_excess(&pair, 1.1), 100.0),
                for_goal: 100.0 * error_excess(&pair, 1.0).value,
            });
        }
        Verdict::new(gate, measures, Vec::new())
    }

    fn overload_goodput(&self) -> Verdict {
        let gate = Gate {
            title: "overload: goodput vs the better of leastconn and peak_ewma",
            unit: "",
            larger_is_better: true,
            gate: 0.97,
            goal: Some(1.0),
        };
        self.overloaded(gate, |family, baselines| {
            let mut pairs = baselines.iter().map(|other| self.pair(family, *other));
            let first = pairs.next().map(|p| median_ratio(&[p], Metric::Goodput));
            let others = pairs.map(|p| median_ratio(&[p], Metric::Goodput));
            // Against the better of both the ratio is the lower.
            others.fold(first, |lowest, other| lowest.map(|l| lower(l, other)))
        })
    }

    fn overload_errors(&self) -> Verdict {
        let gate = Gate::ratio(
            "overload: errors vs the better of leastconn and peak_ewma",
            1.03,
            1.00,
        );
        self.overloaded(gate, |family, baselines| {
            let rate = |index: &&usize| error_rate(family, **index);
            let best = baselines
                .iter()
                .min_by(|a, b| rate(a).total_cmp(&rate(b)))?;
            Some(error_ratio(&self.pair(family, *best)))
        })
    }

    fn overloaded(
        &self,
        gate: Gate,
        figure: impl Fn(&'a FamilyResults, &[usize]) -> Option<Estimate>,
    ) -> Verdict {
        let (families, mut lacking) = self.named(&OVERLOADED);
        let (baselines, no_baselines) = self.contenders(&[LEAST_CONNECTIONS, PEAK_EWMA]);
        lacking.extend(no_baselines);
        let measure = |family| Some(Measure::of(family, figure(family, &baselines)?));
        let measures = families.into_iter().filter_map(measure).collect();
        Verdict::new(gate, measures, lacking)
    }

    fn missing(&self, title: &'static str, metric: Metric) -> Verdict {
        let families: Vec<_> = self.in_folders(&[MISSING]).collect();
        let none = families.is_empty().then(|| format!("{MISSING}/*"));
        let gate = Gate::ratio(title, 1.03, 1.00);
        self.against_fallback(gate, families, none.into_iter().collect(), metric)
    }

    fn large(&self) -> Verdict {
        let gate = Gate::ratio(
            "p99 vs peak_ewma: 128 and 512 endpoints, 16 balancers",
            1.00,
            0.85,
        );
        let (families, lacking) = self.named(&LARGE);
        self.against_fallback(gate, families, lacking, Metric::P99)
    }

    fn against_fallback(
        &self,
        gate: Gate,
        families: Vec<&'a FamilyResults>,
        mut lacking: Vec<String>,
        metric: Metric,
    ) -> Verdict {
        let (fallback, none) = self.contenders(&[PEAK_EWMA]);
        lacking.extend(none);
        let mut measures = Vec::new();
        for (family, fallback) in families.into_iter().zip(fallback.iter().cycle()) {
            let ratio = median_ratio(&[self.pair(family, *fallback)], metric);
            measures.push(Measure::of(family, ratio));
        }
        Verdict::new(gate, measures, lacking)
    }

    fn pair(&self, family: &'a FamilyResults, baseline: usize) -> Pair<'a> {
        Pair {
            family,
            contender: self.learned,
            baseline,
        }
    }

    fn in_folders(&self, folders: &[&str]) -> impl Iterator<Item = &'a FamilyResults> {
        let families = self.report.families.iter();
        families.filter(|family| folders.contains(&family.family.folder()))
    }

    /// The families of these files, and the files that are not there.
    fn named(&self, stems: &[&str]) -> (Vec<&'a FamilyResults>, Vec<String>) {
        let (mut found, mut lacking) = (Vec::new(), Vec::new());
        for stem in stems {
            let mut judged = self.in_folders(&[HELD_OUT, SHIFT]);
            match judged.find(|family| family.family.stem() == *stem) {
                Some(family) => found.push(family),
                None => lacking.push((*stem).to_owned()),
            }
        }
        (found, lacking)
    }

    /// The contenders of these labels, and the labels that are not there.
    fn contenders(&self, labels: &[&str]) -> (Vec<usize>, Vec<String>) {
        let found = labels.iter().filter_map(|label| self.report.find(label));
        let lacking = labels
            .iter()
            .filter(|label| self.report.find(label).is_none());
        let lacking = lacking.map(|label| format!("contender {label}"));
        (found.collect(), lacking.collect())
    }
}

fn exactly(value: f64) -> Estimate {
    Estimate {
        value,
        low: value,
        high: value,
    }
}

fn scaled(estimate: Estimate, factor: f64) -> Estimate {
    Estimate {
        value: estimate.value * factor,
        low: estimate.low * factor,
        high: estimate.high * factor,
    }
}

fn lower(a: Estimate, b: Estimate) -> Estimate {
    if b.value < a.value { b } else { a }
}

#[cfg(test)]
mod tests;
