//! One page that holds everything: tables and plots, no scripts and no other files.

use super::{
    document::Report,
    numbers::{NONE, fixed, milliseconds, percent, with_interval},
    plot::{PlotError, p99_by_family, tail},
};
use crate::{
    contender::Kind,
    evaluation::{Estimate, FamilySummary, Spread, Summary},
};
use std::fmt::{self, Write};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Evaluation of balancing policies</title>
<style>
body { font: 14px/1.5 sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em; }
table { border-collapse: collapse; margin: 0.5em 0 1.5em; }
th, td { padding: 0.15em 0.6em; white-space: nowrap; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
tr.learned { background: #eef6ff; }
tr.oracle { color: #777; }
code { overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
</style>
</head>
<body>
"#;

/// The page of a report.
///
/// # Errors
/// When a plot cannot be drawn.
pub fn html(report: &Report, summary: &Summary) -> Result<String, PlotError> {
    let plots = [tail(summary)?, p99_by_family(summary)?];
    let mut page = String::from(HEAD);
    write_page(&mut page, report, summary, &plots).expect("writing to a string succeeds");
    Ok(page)
}

fn write_page(
    page: &mut String,
    report: &Report,
    summary: &Summary,
    plots: &[String],
) -> fmt::Result {
    writeln!(page, "<h1>Evaluation of balancing policies</h1>")?;
    origin(page, report)?;
    writeln!(page, "<h2>Over all families</h2>")?;
    let reference = escaped(&summary.reference);
    writeln!(
        page,
        "<p>Ratios to {reference}; geometric means over unsaturated families of the median over \
         seeds, with 95 % bootstrap intervals.</p>"
    )?;
    overall(page, summary)?;
    for plot in plots {
        writeln!(page, "{plot}")?;
    }
    for of_family in &summary.families {
        family(page, of_family)?;
    }
    writeln!(page, "</body>\n</html>")
}

fn origin(page: &mut String, report: &Report) -> fmt::Result {
    let command = escaped(&report.command.join(" "));
    writeln!(page, "<p><code>{command}</code></p>")?;
    writeln!(
        page,
        "<p>Version {}, first seed {}.</p>",
        escaped(&report.version),
        report.seed_base
    )?;
    let models = report.contenders.iter();
    for (label, model) in models.filter_map(|c| Some((&c.label, c.model.as_ref()?))) {
        writeln!(
            page,
            "<p>{}: model {} version {}, sha256 <code>{}</code>, {}</p>",
            escaped(label),
            escaped(&model.name),
            model.version,
            escaped(&model.sha256),
            escaped(&model.training)
        )?;
    }
    Ok(())
}

fn overall(page: &mut String, summary: &Summary) -> fmt::Result {
    let head = [
        "policy",
        "J",
        "mean",
        "p50",
        "p99",
        "p99.9",
        "errors %",
        "optimal %",
        "gap closed %",
        "wins",
    ];
    let interval = |e: Option<Estimate>| e.map_or(NONE.to_owned(), |e| with_interval(&e));
    let rows = summary.overall.iter().map(|standing| {
        let ratio = standing.ratio.as_ref();
        let cells = vec![
            standing.contender.clone(),
            fixed(standing.objective, 4),
            interval(ratio.map(|ratio| ratio.mean)),
            interval(ratio.map(|ratio| ratio.p50)),
            interval(ratio.map(|ratio| ratio.p99)),
            interval(ratio.map(|ratio| ratio.p999)),
            percent(standing.error_rate, 3),
            percent(standing.optimal_share, 1),
            standing
                .gap_closed
                .map_or(NONE.to_owned(), |gap| percent(gap.value, 0)),
            format!("{} of {}", standing.wins, standing.runs),
        ];
        (class(standing.kind), cells)
    });
    table(page, &head, rows)
}

fn family(page: &mut String, family: &FamilySummary) -> fmt::Result {
    let name = escaped(&family.family.name);
    let best = escaped(family.hindsight_best.as_deref().unwrap_or(NONE));
    let saturated = if family.saturated { ", saturated" } else { "" };
    writeln!(page, "<h2>{name}</h2>")?;
    writeln!(
        page,
        "<p><code>{}</code>, {} seeds, best hand-written policy: {best}{saturated}</p>",
        escaped(&family.family.file),
        family.seeds
    )?;
    let head = [
        "policy",
        "J",
        "mean ms",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "errors %",
        "goodput/s",
        "optimal %",
        "p99 ratio [95 %]",
        "quartiles",
        "wins",
    ];
    let rows = family.rows.iter().map(|row| {
        let p99 = row.ratio.map(|ratio| ratio.p99);
        let quartiles = |s: Spread| format!("{} to {}", fixed(s.q25, 2), fixed(s.q75, 2));
        let cells = vec![
            row.contender.clone(),
            fixed(row.objective, 4),
            milliseconds(row.median.mean),
            milliseconds(row.median.p50),
            milliseconds(row.median.p99),
            milliseconds(row.median.p999),
            percent(row.mean_error_rate, 3),
            fixed(row.median.goodput, 1),
            percent(row.median.optimal_share, 1),
            p99.map_or(NONE.to_owned(), |p99| with_interval(&p99.median)),
            p99.map_or(NONE.to_owned(), quartiles),
            row.wins.to_string(),
        ];
        (class(row.kind), cells)
    });
    table(page, &head, rows)
}

fn table(
    page: &mut String,
    head: &[&str],
    rows: impl Iterator<Item = (&'static str, Vec<String>)>,
) -> fmt::Result {
    let cells = |cells: &[String], tag: &str| -> String {
        let cells = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        cells.collect()
    };
    let head: Vec<_> = head.iter().map(|cell| (*cell).to_owned()).collect();
    writeln!(page, "<table>\n<tr>{}</tr>", cells(&head, "th"))?;
    for (class, row) in rows {
        writeln!(page, "<tr class=\"{class}\">{}</tr>", cells(&row, "td"))?;
    }
    writeln!(page, "</table>")
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::HandWritten => "hand-written",
        Kind::Learned => "learned",
        Kind::Oracle => "oracle",
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{Reference, fixture::Fixture};

    /// Every opened element is closed, in order; `<meta>` and the document type stand alone.
    fn assert_well_formed(page: &str) {
        let mut open: Vec<&str> = Vec::new();
        for part in page.split('<').skip(1) {
            let (tag, text) = part.split_once('>').expect("every < has its >");
            assert!(!text.contains('>'), "a bare > in {text:?}");
            let name = tag.split_whitespace().next().unwrap_or_default();
            if tag.starts_with(['!', '?']) || tag.ends_with('/') || name == "meta" {
                continue;
            }
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed)),
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }

    #[test]
    fn the_page_is_well_formed_and_names_families_and_contenders() {
        let fixture = Fixture::new(&["families/mixed.yaml", "shift/a<b&c.yaml"]);
        let mut report = Report::of(fixture);
        report.command.push("--policies=\"<all>\"".to_owned());
        let page = html(&report, &report.summary(Reference::HindsightBest)).unwrap();
        assert_well_formed(&page);
        for name in [
            "<h2>mixed</h2>",
            "<h2>a&lt;b&amp;c</h2>",
            "onnx:model=m",
            "&lt;all&gt;",
        ] {
            assert!(page.contains(name), "{name} is not in the page");
        }
        assert_eq!(page.matches("<svg ").count(), 2);
    }

    #[test]
    fn a_page_of_oracles_alone_has_no_ratios() {
        let fixture = Fixture::of(&["oracle"], &[("families/mixed.yaml", &[1.0])]);
        let report = Report::of(fixture);
        let page = html(&report, &report.summary(Reference::HindsightBest)).unwrap();
        assert_well_formed(&page);
        assert!(page.contains("best hand-written policy: -"));
    }
}
