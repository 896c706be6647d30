//! Holds `conf/edge.yaml` against the reader: it loads, shows every key, and shows the defaults.

use super::{MINIMAL, no_env};
use crate::config::{
    DecisionLog, Discovery, Limits, OnnxPolicy, OutlierDetection, Policy, Retry, Shutdown,
    Timeouts,
    cursor::{Place, Report},
    load, parse, read, read_policy,
    tree::Node,
};
use proptest::prelude::*;
use std::{collections::BTreeSet, path::Path};

const EXAMPLE: &str = include_str!("../../../conf/edge.yaml");

/// The example with every setting on that has its `#` in the first column; `# ` starts prose.
fn with_everything_switched_on() -> String {
    let switched_on = |line: &'static str| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') || setting.starts_with("  ") => setting,
        _ => line,
    };
    let lines: Vec<_> = EXAMPLE.lines().map(switched_on).collect();
    lines.join("\n")
}

/// Keys that exclude what the example shows in their place, so that prose has to mention them.
const ONLY_MENTIONED: [&str; 2] = ["access_log.file", "clusters[].policy.scoring_interval"];

/// The paths of the keys written under `node`, list positions left out.
fn written(node: &Node, path: &str, keys: &mut BTreeSet<String>) {
    match node {
        Node::List(items) => items
            .iter()
            .for_each(|item| written(item, &format!("{path}[]"), keys)),
        Node::Map(entries) => {
            for (key, value) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{key}");
                written(value, &path, keys);
                keys.insert(path);
            }
        }
        _ => {}
    }
}

/// The paths of the keys that the reader asks for in `yaml`.
fn asked(yaml: &str) -> BTreeSet<String> {
    let node = Node::from_yaml(yaml).unwrap();
    let report = Report::default();
    read::config(&Place::root(&node, &report), "x");
    report.asked.into_inner()
}

/// One text per form of a setting that the example can only mention.
fn other_forms() -> Vec<String> {
    let policies = read_policy::TYPES.iter();
    let policies =
        policies.map(|(name, _)| "clusters: [{ policy: { type: NAME } }]".replace("NAME", name));
    policies
        .chain(["access_log: { file: x }".to_owned()])
        .collect()
}

#[test]
fn the_example_loads_as_it_stands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/edge.yaml");
    let config = load(&path, &no_env).unwrap();
    let names: Vec<_> = config
        .runtime
        .clusters
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    assert_eq!(names, ["web", "users"]);
    assert_eq!(config.boot.threads, 2);
    assert!(
        matches!(&config.runtime.clusters[1].discovery, Discovery::Redis(redis) if redis.url.expose() == "redis://127.0.0.1:6379")
    );
}

#[test]
fn the_example_loads_with_everything_switched_on() {
    let config = parse(&with_everything_switched_on(), "all", &no_env).unwrap();
    assert_eq!(config.runtime.clusters.len(), 4);
    assert_eq!(config.runtime.routes.len(), 4);
    assert!(config.runtime.admin_token_file.is_some());
    let log = DecisionLog::new("/var/log/ai-loadbalancer");
    assert_eq!(config.runtime.decision_log, Some(log), "the defaults");
}

#[test]
fn the_example_shows_every_key_the_reader_knows() {
    let all = with_everything_switched_on();
    let mut shown = BTreeSet::new();
    written(&Node::from_yaml(&all).unwrap(), "", &mut shown);
    let known: BTreeSet<_> = std::iter::once(all)
        .chain(other_forms())
        .flat_map(|yaml| asked(&yaml))
        .collect();
    assert!(
        known.len() > 60,
        "the reader must have told what it asks for: {known:?}"
    );
    for key in known.difference(&shown) {
        let word = key.rsplit('.').next().unwrap();
        let mentioned =
            ONLY_MENTIONED.contains(&key.as_str()) && EXAMPLE.contains(&format!("{word}: "));
        assert!(mentioned, "conf/edge.yaml must show {key}");
    }
}

#[test]
fn the_values_of_the_example_are_the_defaults() {
    let config = parse(EXAMPLE, "example", &no_env).unwrap();
    let minimal = parse(MINIMAL, "minimal", &no_env).unwrap();
    let web = &config.runtime.clusters[0];
    assert_eq!(config.boot.shutdown, Shutdown::default());
    assert_eq!(config.boot.listeners, minimal.boot.listeners);
    assert_eq!(config.boot.upgrade, minimal.boot.upgrade);
    assert_eq!(config.runtime.limits, Limits::default());
    assert_eq!(config.runtime.access_log, minimal.runtime.access_log);
    assert_eq!(web.outlier_detection, Some(OutlierDetection::default()));
    assert_eq!(web.timeouts, Timeouts::default());
    assert_eq!(web.retry, Retry::default());
    assert_eq!(web.policy, Policy::Onnx(OnnxPolicy::new("models/default")));
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_a_list_of_problems(text in "(?s).{0,400}") {
        let result = parse(&text, "any", &no_env);
        prop_assert!(result.is_err_and(|errors| !errors.to_string().is_empty()));
    }

    #[test]
    fn any_change_of_the_example_is_read_or_refused(
        at in 0..EXAMPLE.len(),
        removed in 0_usize..40,
        inserted in r#"[\[\]{}:,&*!|>'"%@`$ \n\t#a-z0-9.-]{0,12}"#,
    ) {
        let (start, end) = (char_boundary(at), char_boundary(at + removed));
        let changed = format!("{}{inserted}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        match parse(&changed, "changed", &no_env) {
            Ok(config) => prop_assert!(!config.boot.listeners.is_empty()),
            Err(errors) => prop_assert!(errors.to_string().starts_with("changed: ")),
        }
    }

    #[test]
    fn any_value_in_place_of_a_setting_is_read_or_refused(
        line in 0..EXAMPLE.lines().count(),
        value in prop_oneof!["-?[0-9]{1,25}", "[0-9.]{1,5}(ms|s|KiB|%)", "[$]\\{[A-Z:-]{0,6}\\}?", Just("[]".to_owned()), Just("{}".to_owned()), Just("~".to_owned()), Just(".nan".to_owned())],
    ) {
        let set = |(index, text): (usize, &str)| match text.split_once(": ") {
            Some((key, _)) if index == line => format!("{key}: {value}\n"),
            _ => format!("{text}\n"),
        };
        let changed: String = EXAMPLE.lines().enumerate().map(set).collect();
        if let Err(errors) = parse(&changed, "changed", &no_env) {
            prop_assert!(errors.to_string().lines().all(|line| line.starts_with("changed: ")));
        }
    }
}

/// The nearest place at or before `at` where the example can be cut.
fn char_boundary(at: usize) -> usize {
    let at = at.min(EXAMPLE.len());
    (0..=at)
        .rev()
        .find(|at| EXAMPLE.is_char_boundary(*at))
        .unwrap()
}
