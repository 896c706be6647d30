//! Whether the simulator ranks the policies as the live run does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compare::Comparison;
use crate::faults::Phase;
use crate::policy::{find, labelled};
use crate::statistics::{median, spearman};

/// p99 in seconds by policy, of a simulated scenario like a phase of the live run.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    phase: Phase,
    p99_s: BTreeMap<String, f64>,
}

/// Agreement of two rankings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Agreement {
    pub(crate) phase: Phase,
    /// Policies that both know.
    pub(crate) policies: usize,
    /// Spearman's rank correlation of the p99s, -1 to 1; none for fewer than three policies.
    pub(crate) spearman: Option<f64>,
}

/// The part of the simulator's report that matters here.
#[derive(Deserialize)]
struct SimulatorReport {
    contenders: Vec<Contender>,
    families: Vec<Family>,
}

#[derive(Deserialize)]
struct Contender {
    label: String,
}

#[derive(Deserialize)]
struct Family {
    family: FamilyInfo,
    /// For each contender, a run for each seed.
    runs: Vec<Vec<Run>>,
}

#[derive(Deserialize)]
struct FamilyInfo {
    name: String,
}

#[derive(Deserialize)]
struct Run {
    latency: Latency,
}

#[derive(Deserialize)]
struct Latency {
    p99: f64,
}

impl Simulated {
    /// Reads a JSON object of policy and p99 in seconds, or a report of `simulator eval` with a
    /// family `live_healthy` or `live_degraded`, as the phase is.
    ///
    /// # Errors
    /// No such file, another form, an unknown policy or a value that is no time.
    pub(crate) fn read(phase: Phase, file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(phase, &text).with_context(|| file.display().to_string())
    }

    fn parse(phase: Phase, text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).context("expected JSON")?;
        let p99_s = match json.get("families") {
            Some(_) => of_report(phase, json)?,
            None => serde_json::from_value(json)
                .context("expected an object of policy and p99 in seconds")?,
        };
        for (policy, p99_s) in &p99_s {
            find(policy)?;
            if !p99_s.is_finite() || *p99_s < 0.0 {
                bail!("{policy}: expected a p99 in seconds, got {p99_s}");
            }
        }
        Ok(Simulated { phase, p99_s })
    }

    /// The phase of the live run that the scenario is like.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Compares with the live ranking of the same phase.
    pub(crate) fn agreement(&self, live: &Comparison) -> Agreement {
        let pair = |live: &crate::compare::Figures| {
            let simulated = self.p99_s.get(live.policy)?;
            Some((live.p99_ms, *simulated))
        };
        let pairs: Vec<(f64, f64)> = live.ranking.iter().filter_map(pair).collect();
        Agreement {
            phase: self.phase,
            policies: pairs.len(),
            spearman: spearman(&pairs),
        }
    }
}

/// Medians over the seeds of the phase's family; contenders that have no live counterpart are left
/// out.
fn of_report(phase: Phase, json: Value) -> Result<BTreeMap<String, f64>> {
    let report: SimulatorReport =
        serde_json::from_value(json).context("expected a report of the simulator")?;
    let name = format!("live_{}", phase.name());
    let mut families = report.families.into_iter();
    let family = families.find(|family| family.family.name == name);
    let family = family.with_context(|| format!("families: none is called {name}"))?;
    let runs = report.contenders.iter().zip(&family.runs);
    let p99 = |(contender, runs): (&Contender, &Vec<Run>)| {
        let policy = labelled(&contender.label)?;
        let p99: Vec<f64> = runs.iter().map(|run| run.latency.p99).collect();
        Some((policy.name().to_owned(), median(&p99)?))
    };
    Ok(runs.filter_map(p99).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::blocks;

    fn live() -> Comparison {
        let rows: [(&str, &[f64]); 3] = [
            ("learned", &[100.0]),
            ("c3", &[200.0]),
            ("random", &[300.0]),
        ];
        Comparison::of(&blocks(Phase::Degraded, &rows), Phase::Degraded)
    }

    fn agreement(text: &str) -> Agreement {
        let simulated = Simulated::parse(Phase::Degraded, text).unwrap();
        simulated.agreement(&live())
    }

    #[test]
    fn the_same_order_agrees_whatever_the_figures() {
        let same = agreement(r#"{"random": 9.0, "learned": 0.1, "c3": 0.11, "prequal": 0.0}"#);
        assert_eq!(same.policies, 3);
        assert!(same.spearman.is_some_and(|rho| (rho - 1.0).abs() < 1e-9));
        let other = agreement(r#"{"random": 0.1, "learned": 0.3, "c3": 0.2}"#);
        assert!(other.spearman.is_some_and(|rho| (rho + 1.0).abs() < 1e-9));
    }

    #[test]
    fn a_report_of_the_simulator_gives_the_medians_of_the_phases_family() {
        let run = |p99: f64| serde_json::json!({ "latency": { "p50": 0.01, "p99": p99 } });
        let report = serde_json::json!({
            "format": 1,
            "contenders": [
                { "label": "onnx:model=default" }, { "label": "oracle" },
                { "label": "c3" }, { "label": "random" },
            ],
            "families": [{
                "family": { "name": "live_degraded" },
                "runs": [
                    [run(0.2), run(0.1), run(0.3)], [run(0.0), run(0.0), run(0.0)],
                    [run(0.1), run(0.1), run(9.0)], [run(1.0), run(1.0), run(1.0)],
                ],
            }],
        });
        let agreed = agreement(&report.to_string());
        // Live: learned, c3, random; simulated: c3, learned, random.
        assert_eq!(agreed.policies, 3);
        assert!(agreed.spearman.is_some_and(|rho| (rho - 0.5).abs() < 1e-9));
        let error = Simulated::parse(Phase::Healthy, &report.to_string()).unwrap_err();
        assert!(error.to_string().contains("live_healthy"), "{error}");
    }

    #[test]
    fn two_policies_make_no_ranking() {
        let few = agreement(r#"{"random": 9.0, "c3": 0.1}"#);
        assert_eq!((few.policies, few.spearman), (2, None));
    }

    #[test]
    fn another_form_is_refused_with_what_is_wrong() {
        for (text, part) in [
            ("{", "expected JSON"),
            (r#"{"families": []}"#, "report of the simulator"),
            ("[1]", "expected an object"),
            (r#"{"c3": "fast"}"#, "expected an object"),
            (r#"{"best": 1}"#, "best"),
            (r#"{"c3": -1}"#, "-1"),
        ] {
            let error = Simulated::parse(Phase::Healthy, text).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{error:#}");
        }
    }
}
