//! The outcome of an evaluation, for people and for programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::block::{Load, Measured, TIMEOUT};
use crate::compare::{Comparison, Ratio};
use crate::faults::Phase;
use crate::gate::{Gate, judge};
use crate::simulated::{Agreement, Simulated};
use crate::stage::{QUEUE, SERVICE_TIME, SLOTS, SPEEDS, Serving};
use crate::validity::Validity;
use loadtest::Table;

/// Everything that an evaluation found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    conditions: Conditions,
    /// The learned policy's model, if it was measured.
    learned: Option<Serving>,
    validity: Validity,
    /// Why nothing is claimed; then there are no gates.
    refusal: Option<String>,
    gates: Vec<Gate>,
    comparisons: [Comparison; 2],
    agreements: Vec<Agreement>,
    blocks: Vec<Measured>,
}

/// What a run was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Conditions {
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    pub(crate) rate_per_s: f64,
    pub(crate) block_s: f64,
    pub(crate) warm_up_s: f64,
    timeout_s: f64,
    service_time: &'static str,
    speeds: [f64; SPEEDS.len()],
    slots: usize,
    queue: usize,
}

impl Conditions {
    pub(crate) fn new(seed: u64, rounds: usize, load: Load) -> Self {
        Conditions {
            seed,
            rounds,
            rate_per_s: load.rate_per_s,
            block_s: load.block.as_secs_f64(),
            warm_up_s: load.warm_up.as_secs_f64(),
            timeout_s: TIMEOUT.as_secs_f64(),
            service_time: SERVICE_TIME,
            speeds: SPEEDS,
            slots: SLOTS,
            queue: QUEUE,
        }
    }
}

impl Report {
    /// The report of measured blocks; `busy_limit` from 0 to 1.
    pub(crate) fn new(
        conditions: Conditions,
        learned: Option<Serving>,
        blocks: Vec<Measured>,
        busy_limit: f64,
        simulated: &[Simulated],
    ) -> Self {
        let validity = Validity::of(&blocks, busy_limit);
        let refusal = validity.refusal();
        let comparisons = Phase::BOTH.map(|phase| Comparison::of(&blocks, phase));
        let [healthy, degraded] = &comparisons;
        let gates = match refusal {
            None => judge(healthy, degraded),
            Some(_) => Vec::new(),
        };
        let live = |phase| match phase {
            Phase::Healthy => healthy,
            Phase::Degraded => degraded,
        };
        let agreements = simulated.iter().map(|s| s.agreement(live(s.phase())));
        Report {
            conditions,
            learned,
            validity,
            refusal,
            gates,
            agreements: agreements.collect(),
            comparisons,
            blocks,
        }
    }

    /// Why nothing is claimed, if so.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Writes `report.txt`, `report.md` and `report.json` into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        let files = [
            ("report.txt", self.text()),
            ("report.md", self.markdown()),
            ("report.json", json),
        ];
        for (name, content) in files {
            let file = folder.join(name);
            fs::write(&file, content)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    /// Tables for a terminal.
    pub(crate) fn text(&self) -> String {
        self.render("", Table::text)
    }

    /// A fragment for a document: headings of the third level.
    pub(crate) fn markdown(&self) -> String {
        self.render("### ", Table::markdown)
    }

    fn render(&self, heading: &str, table: fn(&Table) -> String) -> String {
        let claim = match &self.refusal {
            Some(reason) => format!("No claim from these figures: {reason}."),
            None => "The machine was idle enough.".to_owned(),
        };
        let mut text = format!("{} {claim}\n\n", self.run_in_words());
        for (name, content) in self.tables() {
            if !content.is_empty() {
                text.push_str(&format!("{heading}{name}\n\n{}\n", table(&content)));
            }
        }
        for agreement in &self.agreements {
            text.push_str(&in_words(agreement));
        }
        text
    }

    fn run_in_words(&self) -> String {
        let Conditions {
            seed,
            rounds,
            rate_per_s,
            block_s,
            warm_up_s,
            ..
        } = &self.conditions;
        let validity = &self.validity;
        let learned = match &self.learned {
            None => String::new(),
            Some(s) => format!(
                " Learned: {} version {} ({}), {:.0} of {:.0} choices by its fallback.",
                s.model, s.version, s.training, s.fallback_decisions, s.decisions
            ),
        };
        format!(
            "Seed {seed}, {rounds} rounds, {rate_per_s} requests/s, blocks of {block_s} s of which \
             {warm_up_s} s are warm-up. Processors busy {:.0} % in the median block, {:.0} % at \
             most; requests sent late by {:.2} ms (median of the blocks' p99), {:.2} ms at most, \
             above {:.0} ms in {} of {} blocks.{learned}",
            validity.busy_median * 100.0,
            validity.busy_max * 100.0,
            validity.lateness_p99_median_ms,
            validity.lateness_p99_max_ms,
            validity.lateness_limit_ms,
            validity.late_blocks,
            self.blocks.len(),
        )
    }

    fn tables(&self) -> Vec<(String, Table)> {
        let mut tables = Vec::new();
        for comparison in &self.comparisons {
            let phase = comparison.phase.name();
            tables.push((format!("Policies, {phase}"), ranking(comparison)));
            tables.push((
                format!("Learned p99 against each, {phase}"),
                ratios(comparison),
            ));
        }
        tables.push(("Gates".to_owned(), gates(&self.gates)));
        tables
    }
}

fn ranking(comparison: &Comparison) -> Table {
    let mut table = Table::new(&[
        "policy", "p50 ms", "p99 ms", "errors %", "late ms", "busy %",
    ]);
    for figures in &comparison.ranking {
        table.add([
            figures.policy.to_owned(),
            format!("{:.1}", figures.p50_ms),
            format!("{:.1}", figures.p99_ms),
            format!("{:.2}", figures.error_percent()),
            format!("{:.2}", figures.lateness_p99_ms),
            format!("{:.0}", figures.busy * 100.0),
        ]);
    }
    table
}

fn ratios(comparison: &Comparison) -> Table {
    let mut table = Table::new(&["against", "median", "95 % interval", "rounds won"]);
    for ratio in &comparison.ratios {
        table.add([
            ratio.against.to_owned(),
            format!("{:.3}", ratio.p99.median),
            interval(ratio),
            format!("{} of {}", ratio.won, ratio.rounds),
        ]);
    }
    table
}

fn gates(gates: &[Gate]) -> Table {
    let mut table = Table::new(&[
        "learned p99 against",
        "phase",
        "ratio",
        "95 % interval",
        "gate",
        "verdict",
        "goal",
    ]);
    for gate in gates {
        let goal = gate
            .goal
            .zip(gate.goal_met)
            .map(|(goal, met)| format!("≤ {goal:.2} {}", if met { "met" } else { "missed" }));
        table.add([
            gate.against.clone(),
            gate.phase.name().to_owned(),
            format!("{:.3}", gate.ratio.p99.median),
            interval(&gate.ratio),
            format!("≤ {:.2}", gate.limit),
            gate.verdict.words().to_owned(),
            goal.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}

fn interval(ratio: &Ratio) -> String {
    format!("{:.3} to {:.3}", ratio.p99.low, ratio.p99.high)
}

fn in_words(agreement: &Agreement) -> String {
    let (phase, policies) = (agreement.phase.name(), agreement.policies);
    match agreement.spearman {
        Some(rho) => format!(
            "Spearman's rank correlation of p99 with the simulator, {phase}: {rho:.2} over {policies} policies.\n"
        ),
        None => format!(
            "No rank correlation with the simulator, {phase}: {policies} policies in common, or all alike.\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::blocks;
    use std::time::Duration;

    fn report(busy: f64) -> Report {
        let rows: [(&str, &[f64]); 3] = [
            ("learned", &[90.0, 110.0, 100.0]),
            ("peak_ewma", &[100.0, 100.0, 120.0]),
            ("random", &[300.0, 200.0, 250.0]),
        ];
        let mut all = blocks(Phase::Healthy, &rows);
        all.extend(blocks(Phase::Degraded, &rows));
        for block in &mut all {
            block.busy = busy;
        }
        let load = Load {
            rate_per_s: 200.0,
            block: Duration::from_secs(4),
            warm_up: Duration::from_millis(1500),
        };
        Report::new(
            Conditions::new(7, 3, load),
            Some(Serving::default()),
            all,
            0.7,
            &[],
        )
    }

    #[test]
    fn both_forms_tell_seed_ranking_ratios_and_gates() {
        let report = report(0.3);
        assert_eq!(report.refusal(), None);
        for text in [report.text(), report.markdown()] {
            for part in [
                "Seed 7",
                "Policies, healthy",
                "0.900",
                "hindsight best (peak_ewma)",
                "≤ 0.85",
            ] {
                assert!(text.contains(part), "{part} in\n{text}");
            }
        }
        assert!(report.markdown().contains("| random | 62.5 | 250.0 |"));
    }

    #[test]
    fn a_refused_run_has_no_gates_and_says_so() {
        let report = report(0.9);
        assert!(
            report
                .refusal()
                .is_some_and(|reason| reason.contains("90 %"))
        );
        for text in [report.text(), report.markdown()] {
            assert!(
                text.contains("No claim") && !text.contains("≤ 0.85"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_files_are_written_and_programs_find_the_same_figures() {
        let folder = tempfile::tempdir().unwrap();
        report(0.3).write(folder.path()).unwrap();
        for name in ["report.txt", "report.md"] {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
        let json = fs::read_to_string(folder.path().join("report.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["conditions"]["seed"], 7);
        assert_eq!(json["comparisons"][1]["phase"], "degraded");
        assert_eq!(json["blocks"].as_array().map(Vec::len), Some(18));
        assert_eq!(json["gates"][0]["goal_met"], false);
        assert_eq!(json["blocks"][0]["policy"], "learned");
    }
}
