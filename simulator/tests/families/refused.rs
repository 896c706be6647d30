//! Files that are refused, by name of file, key and value.

use crate::folder::{Folder, refusal};
use lb_simulator::family::Family;
use proptest::prelude::*;

#[test]
fn unknown_keys_are_refused_by_name() {
    assert_contains(
        &refusal("serverss: {count: 3}"),
        &["family.yaml", "`serverss`"],
    );
    assert_contains(
        &refusal("servers: {cuont: 3}"),
        &["servers", "`cuont`", "`count`"],
    );
    assert_contains(
        &refusal("arrivals: {bursts: {size: 3}}"),
        &["arrivals.bursts", "`size`"],
    );
}

#[test]
fn wrong_types_are_refused_with_key_and_value() {
    assert_contains(
        &refusal("servers: {count: many}"),
        &["servers.count", "many"],
    );
    assert_contains(&refusal("servers: {count: 2.5}"), &["servers.count", "2.5"]);
    assert_contains(
        &refusal("servers: {discipline: lifo}"),
        &["servers.discipline", "`lifo`", "`fifo`"],
    );
    assert_contains(
        &refusal("servers: {count: {uniform: [2, 4]}}"),
        &["servers.count", "2.0"],
    );
    assert_contains(&refusal("name: 3"), &["name", "3"]);
    assert_contains(&refusal("[1, 2]"), &["not a mapping"]);
}

#[test]
fn values_out_of_bounds_are_refused_with_key_value_and_bounds() {
    assert_contains(
        &refusal("servers: {count: 0}"),
        &["servers.count", "0", "1 to 512"],
    );
    assert_contains(
        &refusal("load: {utilization: .nan}"),
        &["load.utilization", "NaN", "0.01 to 10"],
    );
    assert_contains(
        &refusal("arrivals: {steps: [{at_seconds: 3, factor: 0}]}"),
        &["arrivals.steps[0].factor", "0"],
    );
}

#[test]
fn every_alternative_is_checked_and_every_problem_listed() {
    let text = "servers: {count: {one_of: [3, 0]}, far_share: {uniform: [0.5, 1.5]}}\n\
                gray: {chance: 0.001, then: {speed: 7}}";

    assert_contains(
        &refusal(text),
        &[
            "servers.count: 0",
            "servers.far_share: 1.5",
            "gray.speed: 7",
        ],
    );
}

#[test]
fn bad_distributions_are_refused_by_key_and_text() {
    assert_contains(
        &refusal("load: {utilization: {uniform: [0.9, 0.5]}}"),
        &["load.utilization", "uniform", "0.9", "ascending"],
    );
    assert_contains(
        &refusal("gray: {chance: 2, then: {speed: 0.5}}"),
        &["gray", "`chance` of 0 to 1"],
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let both = "load: {requests: 1000, requests_per_second: 10}";
    assert_contains(&refusal(both), &["load", "both requests"]);
    let both = "membership: {deploy: {}, autoscale: {}}";
    assert_contains(&refusal(both), &["membership", "both deploy"]);
    let endless = "pauses: {per_second: 10}\nload: {duration_seconds: 7200}\nservers: {count: 500}";
    assert_contains(&refusal(endless), &["load.duration_seconds", "changes"]);
    let uncounted = "faults: {counted_after_seconds: 130}\nload: {duration_seconds: 120}";
    let key = "faults.counted_after_seconds";
    assert_contains(&refusal(uncounted), &[key, "nothing to count"]);
    let uncounted = "faults: {seconds: 4, counted_after_seconds: 3.9}";
    assert_contains(&refusal(uncounted), &[key, "less than a tenth"]);
    let endless = "load: {requests_per_second: 1e6, duration_seconds: 7200}";
    assert_contains(&refusal(endless), &["load.requests_per_second", "requests"]);
}

#[test]
fn what_is_no_yaml_is_refused_with_its_line() {
    assert_contains(
        &refusal("servers: {count: 3\nload: ["),
        &["family.yaml", "line 2"],
    );
}

#[test]
fn a_missing_file_and_an_empty_folder_are_named() {
    let folder = Folder::new().with("sub/notes.txt", "");
    let missing = folder.load("none.yaml").unwrap_err().to_string();
    assert_contains(&missing, &["none.yaml"]);
    let empty = Family::load_all(&folder.path("sub"))
        .unwrap_err()
        .to_string();
    assert_contains(&empty, &["sub", "no YAML"]);
}

#[test]
fn a_folder_is_read_with_those_in_it_in_order() {
    let folder = Folder::new()
        .with("b.yaml", "")
        .with("sub/a.yaml", "name: first")
        .with("notes.txt", "");
    let families = Family::load_all(&folder.path("")).unwrap();
    let names: Vec<&str> = families.iter().map(Family::name).collect();

    assert_eq!(names, ["b", "first"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,80}(\n\\PC{0,40}){0,4}") {
        let folder = Folder::new().with("family.yaml", &text);
        load_and_draw(&folder);
    }

    #[test]
    fn no_value_panics(key in any_key(), value in any_value()) {
        let text = format!("load: {{requests: 1000, duration_seconds: 4}}\n{key}{value}{}",
            "}".repeat(key.matches('{').count()));
        let folder = Folder::new().with("family.yaml", &text);
        load_and_draw(&folder);
    }
}

fn any_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "servers: {count: ",
        "servers: {core_doublings: ",
        "servers: {speed_spread: ",
        "balancers: {count: ",
        "classes: {count: ",
        "classes: {spread: ",
        "arrivals: {bursts: {factor: ",
        "arrivals: {steps: ",
        "arrivals: {replay: ",
        "antagonists: {share: ",
        "pauses: {per_second: ",
        "crashes: {per_second: ",
        "cold_start: ",
        "membership: {deploy: ",
        "membership: {autoscale: {interval_seconds: ",
        "information: ",
        "like: ",
    ])
    .prop_map(str::to_owned)
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(|value| format!("{value:?}")),
        any::<i64>().prop_map(|value| value.to_string()),
        (0..20i64).prop_map(|value| value.to_string()),
        (0.0..2.0f64).prop_map(|value| value.to_string()),
        prop::sample::select(vec!["~", "true", "x", ".nan", ".inf", "[]", "{}", "!t 3"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let kind = prop::sample::select(vec!["uniform", "log_uniform", "integer", "one_of"]);
        prop_oneof![
            (kind, inner.clone(), inner.clone())
                .prop_map(|(kind, a, b)| format!("{{{kind}: [{a}, {b}]}}")),
            (inner.clone(), inner)
                .prop_map(|(a, b)| format!("{{chance: 0.5, then: {a}, else: {b}}}")),
        ]
    })
}

fn load_and_draw(folder: &Folder) {
    if let Ok(family) = folder.load("family.yaml") {
        for seed in 0..3 {
            family.draw(seed).ok();
        }
    }
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}
