//! Holds `docs/scenarios.md` against what is accepted.

use crate::folder::{Folder, refusal};
use std::{fs, path::Path};

/// A row of a table of keys.
struct Row {
    key: String,
    range: Option<(String, f64)>,
}

#[test]
fn every_range_in_the_document_is_the_one_enforced() {
    for row in rows() {
        let Some((range, high)) = row.range else {
            continue;
        };
        let value = 2.0 * high + 1.0;
        let error = refusal(&nested(&row.key, &value.to_string()));
        let expected = format!(
            "{}: {value} is not within {range}",
            row.key.replace("[]", "[0]")
        );

        assert!(error.contains(&expected), "`{expected}` is not in: {error}");
    }
}

#[test]
fn the_example_of_the_document_is_a_family() {
    let document = document();
    let example = document.split("```yaml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let folder = Folder::new().with("example.yaml", example);

    folder.load("example.yaml").unwrap().draw(1).unwrap();
}

/// The key with the value, inside its sections. Sections that need more keys get them.
fn nested(key: &str, value: &str) -> String {
    match key {
        "arrivals.steps[].at_seconds" => {
            format!("arrivals: {{steps: [{{at_seconds: {value}, factor: 1}}]}}")
        }
        "arrivals.steps[].factor" => {
            format!("arrivals: {{steps: [{{at_seconds: 1, factor: {value}}}]}}")
        }
        "arrivals.replay.speed" => {
            format!("arrivals: {{replay: {{log: none, speed: {value}}}}}")
        }
        _ => {
            let sections = key.matches('.').count();
            format!(
                "{}: {value}{}",
                key.replace('.', ": {"),
                "}".repeat(sections)
            )
        }
    }
}

fn rows() -> Vec<Row> {
    let document = document();
    let lines = document.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Row> = lines.filter_map(row).collect();
    assert!(rows.len() > 70, "the tables of keys are found");
    rows
}

/// Rows of other tables have fewer columns.
fn row(line: &str) -> Option<Row> {
    let columns: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [key, _default, range, _meaning] = columns.as_slice() else {
        return None;
    };
    let high = range
        .split(" to ")
        .nth(1)
        .map(|high| high.parse().expect("a range of numbers"));
    Some(Row {
        key: key.trim_matches('`').to_owned(),
        range: high.map(|high| ((*range).to_owned(), high)),
    })
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenarios.md");
    fs::read_to_string(path).expect("docs/scenarios.md exists")
}
