//! `docs/features.md`, made from the table.

use super::{
    schema::schema_id,
    table::{CANDIDATE_FEATURES, CONTEXT_FEATURES, Feature},
};
use std::fmt::Write;

const HEAD: &str = "\
# Features

Made from the table in `policy/src/features/table.rs`; change that, then run
`UPDATE_DOCS=1 cargo test -p lb-policy --test features_document`.

`L` is the mean latency of the cluster as this balancer sees it (0.1 s before the first
request), `Lc` that of the class of the request, `lnc(x)` is `ln(max(x, 0.001))`. The default
is the value for a single endpoint of which nothing is known. A source of information that is
missing is encoded by the defaults of its features, its age being the greatest there is;
in-flight counts that nobody reports are the own ones.
";

/// The text of `docs/features.md`.
pub fn document() -> String {
    let mut text = format!("{HEAD}\nSchema `{}`.\n", schema_id());
    text.push_str(&section("Per candidate", "candidates", &CANDIDATE_FEATURES));
    text.push_str(&section("Per decision", "context", &CONTEXT_FEATURES));
    text
}

fn section(title: &str, input: &str, features: &[Feature]) -> String {
    let mut text = format!(
        "\n## {title} (input `{input}`)\n\n\
         | Column | Name | Formula | Unit | Default | Range |\n|---|---|---|---|---|---|\n"
    );
    for (column, feature) in features.iter().enumerate() {
        let Feature {
            name,
            formula,
            unit,
            default,
            clamp: (least, greatest),
        } = feature;
        writeln!(
            text,
            "| {column} | `{name}` | {formula} | {unit} | {default} | {least} to {greatest} |"
        )
        .expect("writing to a string succeeds");
    }
    text
}
