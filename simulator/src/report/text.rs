//! The tables of an evaluation as plain text.

use super::numbers::{NONE, fixed, milliseconds, percent};
use crate::evaluation::{Estimate, FamilySummary, Row, Spread, Standing, Summary};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use std::fmt::Write as _;

const FAMILY_HEAD: [&str; 11] = [
    "policy",
    "J",
    "mean ms",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "errors %",
    "goodput/s",
    "optimal %",
    "p99 ratio [quartiles]",
    "wins",
];
const OVERALL_HEAD: [&str; 10] = [
    "policy",
    "J",
    "mean",
    "p50",
    "p99",
    "p99 95 %",
    "p99.9",
    "errors %",
    "gap closed %",
    "wins",
];

/// A table for each family, best policy first, and one over all of them, which alone is
/// there when `brief`.
pub fn text(summary: &Summary, brief: bool) -> String {
    let shown = if brief { &[] } else { &*summary.families };
    let mut text: String = shown.iter().map(family_text).collect();
    text.push_str(&overall_text(summary));
    text
}

fn family_text(family: &FamilySummary) -> String {
    let best = family.hindsight_best.as_deref().unwrap_or(NONE);
    let saturated = if family.saturated { ", saturated" } else { "" };
    let rows = family.rows.iter().map(family_row);
    format!(
        "{} ({} seeds, best hand-written: {best}{saturated})\n{}\n\n",
        family.family.name,
        family.seeds,
        table(&FAMILY_HEAD, rows)
    )
}

fn overall_text(summary: &Summary) -> String {
    let saturated: Vec<_> = summary
        .families
        .iter()
        .filter(|family| family.saturated)
        .map(|family| family.family.name.as_str())
        .collect();
    let mut text = format!(
        "all {} families; ratios to {}, geometric means",
        summary.families.len(),
        summary.reference
    );
    if !saturated.is_empty() {
        write!(text, " without saturated {}", saturated.join(", "))
            .expect("writing to a string succeeds");
    }
    let rows = summary.overall.iter().map(overall_row);
    format!("{text}\n{}\n", table(&OVERALL_HEAD, rows))
}

fn family_row(row: &Row) -> Vec<String> {
    vec![
        row.contender.clone(),
        fixed(row.objective, 4),
        milliseconds(row.median.mean),
        milliseconds(row.median.p50),
        milliseconds(row.median.p99),
        milliseconds(row.median.p999),
        percent(row.mean_error_rate, 3),
        fixed(row.median.goodput, 1),
        percent(row.median.optimal_share, 1),
        row.ratio
            .map_or(NONE.to_owned(), |ratio| quartiles(&ratio.p99)),
        row.wins.to_string(),
    ]
}

fn overall_row(standing: &Standing) -> Vec<String> {
    let value =
        |estimate: Option<Estimate>| estimate.map_or(NONE.to_owned(), |e| fixed(e.value, 3));
    let ratio = standing.ratio.as_ref();
    let p99 = ratio.map(|ratio| ratio.p99);
    let gap = standing.gap_closed;
    vec![
        standing.contender.clone(),
        fixed(standing.objective, 4),
        value(ratio.map(|ratio| ratio.mean)),
        value(ratio.map(|ratio| ratio.p50)),
        value(p99),
        p99.map_or(NONE.to_owned(), |p99| {
            format!("{} to {}", fixed(p99.low, 3), fixed(p99.high, 3))
        }),
        value(ratio.map(|ratio| ratio.p999)),
        percent(standing.error_rate, 3),
        gap.map_or(NONE.to_owned(), |gap| percent(gap.value, 0)),
        format!("{}/{}", standing.wins, standing.runs),
    ]
}

fn quartiles(spread: &Spread) -> String {
    let Spread { median, q25, q75 } = spread;
    format!(
        "{} [{}, {}]",
        fixed(median.value, 2),
        fixed(*q25, 2),
        fixed(*q75, 2)
    )
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(head).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{Reference, fixture::Fixture, summarize};

    #[test]
    fn tables_show_families_and_contenders_with_the_best_first() {
        let fixture = Fixture::new(&["families/mixed.yaml", "families/overload.yaml"]).change(
            "families/overload.yaml",
            "peak_ewma",
            |_, figures| figures.errors = 20_000,
        );
        let fixture = fixture
            .change("families/overload.yaml", "least_request", |_, f| {
                f.errors = 20_000
            })
            .change(
                "families/overload.yaml",
                "least_request:choices=all",
                |_, f| {
                    f.errors = 20_000;
                },
            );
        let summary = summarize(
            &fixture.contenders,
            &fixture.families,
            Reference::HindsightBest,
        );
        let found = text(&summary, false);
        assert!(
            found.contains("mixed (4 seeds, best hand-written: peak_ewma)"),
            "{found}"
        );
        assert!(
            found.contains("best hand-written: peak_ewma, saturated)"),
            "{found}"
        );
        assert!(found.contains("without saturated overload"), "{found}");
        let place = |label: &str| found.find(&format!("\n {label} ")).unwrap();
        assert!(place("oracle") < place("onnx:model=m"), "{found}");
        assert!(place("onnx:model=m") < place("peak_ewma"), "{found}");
        assert!(found.contains("0.70 [0.70, 0.70]"), "{found}");
        let brief = text(&summary, true);
        assert!(
            found.ends_with(&brief) && !brief.contains("mixed ("),
            "{brief}"
        );
    }
}
