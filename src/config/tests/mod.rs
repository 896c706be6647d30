//! Whole files: what valid ones mean, what invalid ones are told, and the example.

mod cluster_problems;
mod example;
mod file_problems;
mod meaning;
mod route_problems;

use super::parse;

/// As little as a file may say.
const MINIMAL: &str = "
listeners: [{ address: 127.0.0.1:8080 }]
clusters: [{ name: web, discovery: { static: { endpoints: [{ address: a.example:80 }] } } }]
routes: [{ match: { path_prefix: / }, cluster: web }]
";

fn no_env(_name: &str) -> Option<String> {
    None
}

fn problems(yaml: &str) -> String {
    match parse(yaml, "edge.yaml", &no_env) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

#[track_caller]
fn assert_single(found: &str, expected: &str) {
    assert_eq!(found, format!("edge.yaml: {expected}"));
}

#[track_caller]
fn assert_begins(found: &str, place: &str, expected: &str) {
    assert_eq!(found.lines().count(), 1, "one problem expected:\n{found}");
    let begins = format!("edge.yaml: {place}: ");
    assert!(
        found.starts_with(&begins) && found.contains(expected),
        "{found}"
    );
}
