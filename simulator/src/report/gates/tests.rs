//! Every gate on reports made by hand.

use super::*;
use crate::evaluation::{Figures, fixture::Fixture};

const FILES: [&str; 12] = [
    "families/heterogeneous.yaml",
    "families/antagonist.yaml",
    "families/high_rate.yaml",
    "families/mixed.yaml",
    "families/zones.yaml",
    "families/overload.yaml",
    "shift/load_125.yaml",
    "shift/four_endpoints.yaml",
    "shift/servers_128.yaml",
    "shift/scale_512.yaml",
    "shift/balancers_16.yaml",
    "missing/crash_without_reports.yaml",
];
const LEARNED: &str = "onnx:model=m";

fn verdict(fixture: Fixture, title: &str) -> Verdict {
    let verdicts = judge(&Report::of(fixture), None).unwrap();
    let mut found = verdicts.into_iter();
    found
        .find(|verdict| verdict.gate.title.starts_with(title))
        .unwrap()
}

fn in_all(label: &str, to: impl Fn(&mut Figures)) -> Fixture {
    let fixture = Fixture::new(&FILES);
    let change = |fixture: Fixture, file: &&str| fixture.change(file, label, |_, f| to(f));
    FILES.iter().fold(fixture, change)
}

/// What the gate and the goal of `title` say after a change in one family.
fn after(title: &str, file: &str, label: &str, to: impl Fn(&mut Figures)) -> (bool, Option<bool>) {
    let changed = Fixture::new(&FILES).change(file, label, |_, figures| to(figures));
    let verdict = verdict(changed, title);
    (verdict.gate_met(), verdict.goal_met())
}

#[test]
fn every_gate_but_the_gaps_goal_is_met_by_a_good_policy() {
    for verdict in judge(&Report::of(Fixture::new(&FILES)), None).unwrap() {
        let title = verdict.gate.title;
        if verdict.gate.goal.is_none() {
            continue;
        }
        assert!(verdict.gate_met(), "{title}: {verdict:?}");
        let is_gap = title.starts_with("gap");
        assert_eq!(verdict.goal_met(), Some(!is_gap), "{title}");
    }
}

#[test]
fn too_little_evidence_is_no_evidence() {
    let seeds = verdict(Fixture::new(&FILES), "seeds");
    assert!(!seeds.gate_met());
    assert_eq!(seeds.failing().count(), FILES.len());
    let families = verdict(Fixture::new(&FILES), "families");
    assert_eq!(families.lacking[0], "8 of 14 in families/");
    let policies = verdict(Fixture::new(&FILES), "hand-written");
    assert!(policies.lacking.contains(&"c3".to_owned()));
    assert!(!policies.gate_met());
}

#[test]
fn one_lost_family_fails_and_is_named() {
    let changed = Fixture::new(&FILES).change("families/mixed.yaml", LEARNED, |_, figures| {
        figures.latency.p99 = 0.95
    });
    let verdict = verdict(changed, "p99 vs hindsight best: heterogeneous");
    assert!(!verdict.gate_met());
    let failing: Vec<_> = verdict.failing().map(|m| m.name.as_str()).collect();
    assert_eq!(failing, ["mixed"]);
    assert_eq!(verdict.measures[0].name, "mixed", "the worst stands first");
}

#[test]
fn every_other_family_counts_shifts_included() {
    let title = "p99 vs hindsight best: every other";
    let p99 = |value: f64| move |figures: &mut Figures| figures.latency.p99 = value;
    for file in ["families/zones.yaml", "shift/load_125.yaml"] {
        assert_eq!(after(title, file, LEARNED, p99(1.04)), (true, Some(false)));
        assert_eq!(after(title, file, LEARNED, p99(1.06)), (false, Some(false)));
    }
    let elsewhere = after(title, "families/mixed.yaml", LEARNED, p99(2.0));
    assert_eq!(elsewhere, (true, Some(true)));
}

#[test]
fn means_over_families_are_held_against_each_baseline() {
    for (title, between, above) in [
        ("geometric mean p99 vs peak_ewma", 0.85, 0.89),
        ("geometric mean p99 vs leastconn", 0.90, 0.97),
        ("geometric mean p99 vs least-request", 0.95, 1.01),
    ] {
        let found = verdict(in_all(LEARNED, |f| f.latency.p99 = between), title);
        assert_eq!(
            (found.gate_met(), found.goal_met()),
            (true, Some(false)),
            "{title}"
        );
        let found = verdict(in_all(LEARNED, |f| f.latency.p99 = above), title);
        assert_eq!(
            (found.gate_met(), found.goal_met()),
            (false, Some(false)),
            "{title}"
        );
    }
    let found = verdict(
        in_all(LEARNED, |f| f.latency.p50 = 1.01),
        "geometric mean p50",
    );
    assert!(!found.gate_met());
}

#[test]
fn saturated_families_are_left_out_of_means() {
    let file = "families/overload.yaml";
    let mut fixture = Fixture::new(&FILES).change(file, LEARNED, |_, f| f.latency.p99 = 1e3);
    let title = "geometric mean p99 vs peak_ewma";
    assert!(!verdict(fixture.clone(), title).gate_met());
    for label in ["peak_ewma", "least_request", "least_request:choices=all"] {
        fixture = fixture.change(file, label, |_, figures| figures.errors = 5_001);
    }
    assert!(verdict(fixture, title).gate_met());
}

#[test]
fn the_gap_is_measured_on_the_objective() {
    let found = verdict(in_all(LEARNED, |f| f.penalized.p99 = 0.9), "gap");
    // J is 0 for peak_ewma, ln 0.5 for the oracle, 0.7 ln 0.7 + 0.3 ln 0.9 for the learned.
    let expected = 100.0 * (0.7 * 0.7f64.ln() + 0.3 * 0.9f64.ln()) / 0.5f64.ln();
    assert!((found.measures[0].estimate.value - expected).abs() < 1e-9);
    assert!(!found.gate_met());
}

#[test]
fn a_few_errors_more_are_allowed_and_many_are_not() {
    let errors = |count: u64| move |figures: &mut Figures| figures.errors = count;
    let of = |file: &str, count| after("errors above", file, LEARNED, errors(count));
    assert_eq!(of("families/zones.yaml", 40), (true, Some(false)));
    assert_eq!(of("families/zones.yaml", 60), (false, Some(false)));
    assert_eq!(
        of("shift/load_125.yaml", 60),
        (true, Some(true)),
        "has its own gate"
    );
}

#[test]
fn overload_is_held_against_the_better_of_two() {
    let file = "shift/load_125.yaml";
    let goodput = |label: &str, value: f64| {
        after("overload: goodput", file, label, |figures| {
            figures.goodput = value
        })
    };
    assert_eq!(goodput(LEARNED, 980.0), (true, Some(false)));
    assert_eq!(goodput(LEARNED, 960.0), (false, Some(false)));
    assert_eq!(goodput("peak_ewma", 1050.0), (false, Some(false)));
    assert_eq!(
        goodput("least_request:choices=all", 1050.0),
        (false, Some(false))
    );
    assert_eq!(goodput("peak_ewma", 900.0), (true, Some(true)));

    let errors = |learned: u64| {
        let set = |label: &'static str, count: u64| {
            move |f: Fixture| f.change(file, label, move |_, figures| figures.errors = count)
        };
        let fixture = set("peak_ewma", 10_000)(Fixture::new(&FILES));
        let fixture = set("least_request:choices=all", 12_000)(fixture);
        let found = verdict(set(LEARNED, learned)(fixture), "overload: errors");
        (found.gate_met(), found.goal_met())
    };
    assert_eq!(errors(9_900), (true, Some(true)));
    assert_eq!(errors(10_200), (true, Some(false)));
    assert_eq!(errors(10_400), (false, Some(false)));
}

#[test]
fn missing_sources_and_large_clusters_are_held_against_the_fallback() {
    let p99 = |value: f64| move |figures: &mut Figures| figures.latency.p99 = value;
    let missing = "missing/crash_without_reports.yaml";
    let title = "p99 with missing";
    assert_eq!(
        after(title, missing, LEARNED, p99(1.02)),
        (true, Some(false))
    );
    assert_eq!(
        after(title, missing, LEARNED, p99(1.04)),
        (false, Some(false))
    );
    let mean = |figures: &mut Figures| figures.latency.mean = 1.04;
    assert!(!after("mean with missing", missing, LEARNED, mean).0);
    for file in [
        "shift/servers_128.yaml",
        "shift/scale_512.yaml",
        "shift/balancers_16.yaml",
    ] {
        let title = "p99 vs peak_ewma: 128";
        assert_eq!(after(title, file, LEARNED, p99(0.9)), (true, Some(false)));
        assert_eq!(after(title, file, LEARNED, p99(1.01)), (false, Some(false)));
    }
}

#[test]
fn what_was_not_measured_is_not_met() {
    let fixture = Fixture::default();
    let large = verdict(fixture.clone(), "p99 vs peak_ewma: 128");
    assert!(!large.gate_met());
    assert_eq!(large.lacking, LARGE);
    let found = verdict(fixture, "overload: goodput");
    assert_eq!((found.gate_met(), found.goal_met()), (false, Some(false)));
    let fixture = Fixture::of(&["c3", LEARNED], &[(FILES[0], &[1.0, 0.5])]);
    let found = verdict(fixture, "gap");
    assert_eq!(found.lacking, ["contender peak_ewma", "contender oracle"]);
}

#[test]
fn it_must_be_plain_who_is_judged() {
    let report =
        |labels: &[&str]| Report::of(Fixture::of(labels, &[(FILES[0], &vec![1.0; labels.len()])]));
    let none = judge(&report(&["c3"]), None).unwrap_err().to_string();
    assert!(none.contains("There are none"), "{none}");
    let two = report(&["c3", "onnx:model=a", "onnx:model=b"]);
    let error = judge(&two, None).unwrap_err().to_string();
    assert!(error.contains("onnx:model=a, onnx:model=b"), "{error}");
    assert!(judge(&two, Some("b")).is_ok());
    let error = judge(&two, Some("x")).unwrap_err().to_string();
    assert!(error.contains("no contender `x`"), "{error}");
}
