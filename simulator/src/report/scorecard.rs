//! Verdicts as a table, as plain text or as Markdown.

use super::{
    numbers::{NONE, fixed, with_interval},
    verdict::{Gate, Verdict},
};
use comfy_table::{
    Table,
    presets::{ASCII_MARKDOWN, NOTHING},
};

const HEAD: [&str; 7] = [
    "measured",
    "worst or all [95 %]",
    "in",
    "gate",
    "met",
    "goal",
    "met",
];

/// The verdicts as plain text, with what fails below.
pub fn scorecard(verdicts: &[Verdict]) -> String {
    format!("{}\n\n{}", table(verdicts, NOTHING), failures(verdicts, ""))
}

/// The verdicts as Markdown, with what fails below.
pub fn markdown(verdicts: &[Verdict]) -> String {
    format!(
        "{}\n\n{}",
        table(verdicts, ASCII_MARKDOWN),
        failures(verdicts, "* ")
    )
}

fn table(verdicts: &[Verdict], preset: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(preset).set_header(HEAD);
    table.add_rows(verdicts.iter().map(row));
    table
}

fn row(verdict: &Verdict) -> Vec<String> {
    let gate = &verdict.gate;
    let worst = verdict.measures.first();
    let measured = worst.map(|worst| with_interval(&worst.estimate) + gate.unit);
    let place = worst.map(
        |worst| match (worst.name.as_str(), verdict.measures.len()) {
            ("", _) => "all".to_owned(),
            (name, 1) => name.to_owned(),
            (name, count) => format!("{name}, worst of {count}"),
        },
    );
    let none = || NONE.to_owned();
    vec![
        gate.title.to_owned(),
        measured.unwrap_or_else(|| "not measured".to_owned()),
        place.unwrap_or_else(none),
        limit(gate, gate.gate),
        yes_or_no(verdict.gate_met()),
        gate.goal.map_or_else(none, |goal| limit(gate, goal)),
        verdict.goal_met().map_or_else(none, yes_or_no),
    ]
}

fn limit(gate: &Gate, value: f64) -> String {
    let sign = if gate.larger_is_better { ">=" } else { "<=" };
    format!("{sign} {}{}", fixed(value, 2), gate.unit)
}

fn yes_or_no(met: bool) -> String {
    if met { "yes" } else { "NO" }.to_owned()
}

fn failures(verdicts: &[Verdict], bullet: &str) -> String {
    let failed = verdicts.iter().filter(|verdict| !verdict.gate_met());
    let lines: Vec<_> = failed.map(|verdict| failure(verdict, bullet)).collect();
    if lines.is_empty() {
        return "every gate is met\n".to_owned();
    }
    lines.concat()
}

fn failure(verdict: &Verdict, bullet: &str) -> String {
    let figures = verdict.failing().map(|measure| {
        let figure = with_interval(&measure.estimate);
        format!("{} {figure}", measure.name).trim().to_owned()
    });
    let lacking = verdict
        .lacking
        .iter()
        .map(|name| format!("not in the report: {name}"));
    let mut causes: Vec<_> = figures.chain(lacking).collect();
    if causes.is_empty() {
        causes.push("not measured".to_owned());
    }
    format!(
        "{bullet}fails: {}: {}\n",
        verdict.gate.title,
        causes.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evaluation::fixture::Fixture,
        report::{Report, judge},
    };

    #[test]
    fn the_table_names_what_fails() {
        let fixture = Fixture::default().change(
            "families/heterogeneous.yaml",
            "onnx:model=m",
            |_, figures| figures.latency.p99 = 0.93,
        );
        let verdicts = judge(&Report::of(fixture), None).unwrap();
        let text = scorecard(&verdicts);
        let title = "fails: geometric mean p99 vs peak_ewma: 0.930 [0.930, 0.930]";
        assert!(text.contains(title), "{text}");
        assert!(text.contains("not in the report: servers_128"), "{text}");
        assert!(!text.contains("fails: geometric mean p50"), "{text}");
        let markdown = markdown(&verdicts);
        assert!(markdown.starts_with('|'), "{markdown}");
        assert!(markdown.contains("* fails: "), "{markdown}");
    }
}
