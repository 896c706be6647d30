//! Files that are like another.

use crate::folder::Folder;
use lb_simulator::{family::Family, scenario::Information};
use std::path::Path;

fn shipped(file: &str) -> Family {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    Family::load(&folder.join(file)).expect("our files are families")
}

#[test]
fn a_variant_draws_the_scenarios_of_its_base_but_for_what_it_changes() {
    for base in ["heterogeneous", "gray_slow", "fail_fast", "crash"] {
        let family = shipped(&format!("families/{base}.yaml"));
        let variant = shipped(&format!("missing/{base}_without_reports.yaml"));
        for seed in 0..5 {
            let mut expected = family.draw(seed).unwrap();
            assert!(expected.information.piggyback);
            expected.name = format!("{base}_without_reports");
            expected.information = Information {
                piggyback: false,
                momentary_utilization: false,
                registry: None,
            };

            assert_eq!(variant.draw(seed).unwrap(), expected);
        }
    }
}

#[test]
fn a_variant_without_health_checks_changes_nothing_else() {
    let mut expected = shipped("families/crash.yaml").draw(1).unwrap();
    let variant = shipped("missing/crash_without_health_checks.yaml");
    assert!(expected.health_check.is_some());
    expected.name = "crash_without_health_checks".to_owned();
    expected.health_check = None;

    assert_eq!(variant.draw(1).unwrap(), expected);
}

#[test]
fn more_servers_leave_those_that_were_there_as_they_are() {
    let folder = Folder::new()
        .with("base.yaml", "servers: {count: 5, speed_spread: 3}")
        .with("more.yaml", "like: base.yaml\nservers: {count: 8}");
    let base = folder.load("base.yaml").unwrap().draw(7).unwrap();
    let more = folder.load("more.yaml").unwrap().draw(7).unwrap();

    assert_eq!(more.servers[..5], base.servers);
    assert_eq!(more.seed, base.seed);
}

#[test]
fn sections_merge_distributions_replace_and_nothing_restores_the_default() {
    let folder = Folder::new()
        .with(
            "base.yaml",
            "seed_name: first\n\
             servers: {count: 5, rtt_seconds: 0.5}\n\
             gray: {chance: 1, then: {per_second: 1}}\n\
             load: {requests: 1000}",
        )
        .with(
            "variant.yaml",
            "like: base.yaml\n\
             servers: {rtt_seconds: ~}\n\
             gray: {speed: 0.5}\n\
             load: {requests: ~, requests_per_second: 20}",
        );
    let drawn = folder.load("variant.yaml").unwrap().draw(1).unwrap();

    assert_eq!(drawn.servers.len(), 5);
    assert!(drawn.servers.iter().all(|server| server.rtt < 0.01));
    assert_eq!(drawn.changes, [], "the section written by chance is gone");
}

#[test]
fn another_seed_name_draws_other_scenarios() {
    let folder = Folder::new()
        .with("base.yaml", "servers: {speed_spread: 3}")
        .with("other.yaml", "like: base.yaml\nseed_name: other");
    let base = folder.load("base.yaml").unwrap().draw(7).unwrap();
    let other = folder.load("other.yaml").unwrap().draw(7).unwrap();

    assert_ne!(other.servers, base.servers);
}

#[test]
fn files_like_one_another_in_a_ring_are_refused() {
    let folder = Folder::new()
        .with("a.yaml", "like: b.yaml")
        .with("b.yaml", "like: a.yaml");
    let error = folder.load("a.yaml").unwrap_err().to_string();

    assert!(error.contains("like: more than"), "{error}");
}

#[test]
fn a_missing_base_is_named() {
    let folder = Folder::new().with("a.yaml", "like: nowhere.yaml");
    let error = folder.load("a.yaml").unwrap_err().to_string();

    assert!(error.contains("nowhere.yaml"), "{error}");
}
