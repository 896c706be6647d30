//! Scenarios that replay a recorded log.

use crate::folder::Folder;
use lb_decisions::record::DecisionRecord;
use lb_simulator::scenario::{Arrival, Arrivals, Demand, Scenario};

/// Lines are written as requests end: the second began before the first.
const ACCESS_LOG: &str = r#"
{"time":"2026-01-05T10:00:02.000Z","request_id":"a","status":200,"duration_ms":1000.0,"route":"cart","upstream_ms":90.0,"retries":0}
{"time":"2026-01-05T10:00:03.000Z","request_id":"b","status":200,"duration_ms":3000.0,"route":"search","upstream_ms":30.0,"retries":0}
{"time":"2026-01-05T10:00:04.500Z","request_id":"c","status":502,"duration_ms":500.0,"route":"cart","upstream_ms":5.0,"retries":1}
{"time":"2026-01-05T10:00:10.000Z","request_id":"d","status":404,"duration_ms":0.0,"route":null,"upstream_ms":null,"retries":0}
"#;

fn drawn(log: &str, rest: &str) -> Scenario {
    let text = format!("arrivals: {{replay: {{log: logs/log.jsonl{rest}");
    let folder = Folder::new()
        .with("family.yaml", &text)
        .with("logs/log.jsonl", log);
    let family = folder.load("family.yaml").expect("the log is replayed");
    family.draw(1).expect("nothing contradicts")
}

fn arrivals(scenario: &Scenario) -> &[Arrival] {
    match &scenario.arrivals {
        Arrivals::Replay(arrivals) => arrivals,
        Arrivals::Rates(_) => panic!("not a replay"),
    }
}

fn times(scenario: &Scenario) -> Vec<f64> {
    arrivals(scenario)
        .iter()
        .map(|arrival| arrival.at)
        .collect()
}

#[test]
fn an_access_log_keeps_its_times_classes_and_their_shares() {
    let scenario = drawn(ACCESS_LOG, "}}");
    let classes: Vec<usize> = arrivals(&scenario).iter().map(|a| a.class).collect();
    let shares: Vec<f64> = scenario.classes.iter().map(|class| class.share).collect();

    assert_eq!(times(&scenario), [0.0, 1.0, 4.0, 10.0]);
    assert_eq!(classes, [0, 1, 1, 2]);
    assert_eq!(shares, [0.25, 0.5, 0.25]);
    assert!((scenario.duration - 10.0).abs() < 1e-9);
}

#[test]
fn work_is_in_proportion_to_recorded_latencies_and_makes_the_utilization() {
    let scenario = drawn(
        ACCESS_LOG,
        "}}\nload: {utilization: 0.5}\nservers: {count: 2}",
    );
    let work: Vec<f64> = scenario
        .classes
        .iter()
        .map(|class| mean(&class.demand))
        .collect();
    let all: f64 = scenario
        .classes
        .iter()
        .zip(&work)
        .map(|(c, w)| c.share * w)
        .sum();

    assert!((work[1] / work[0] - 3.0).abs() < 1e-9);
    assert!(
        (work[2] / work[0] - 2.0).abs() < 1e-9,
        "without a latency: typical"
    );
    assert!((all * 0.4 / 4.0 - 0.5).abs() < 1e-9);
}

#[test]
fn a_replay_may_be_faster_and_shorter() {
    let scenario = drawn(ACCESS_LOG, ", speed: 2}}\nload: {duration_seconds: 3}");

    assert_eq!(times(&scenario), [0.0, 0.5, 2.0]);
    assert!((scenario.duration - 3.0).abs() < 1e-9);
    assert!((scenario.classes.iter().map(|c| c.share).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn a_decision_log_gives_one_arrival_for_each_first_attempt() {
    let record = |time_us, attempt, class| DecisionRecord {
        time_us,
        attempt,
        class,
        outcome: "success".to_owned(),
        latency_seconds: 0.1,
        ..DecisionRecord::default()
    };
    let lines: Vec<String> = [
        record(5_000_000, 1, 4),
        record(5_200_000, 2, 4),
        record(5_500_000, 1, 0),
        record(6_000_000, 1, 4),
    ]
    .iter()
    .map(|record| serde_json::to_string(record).unwrap())
    .collect();
    let scenario = drawn(&lines.join("\n"), "}}");

    assert_eq!(times(&scenario), [0.0, 0.5, 1.0]);
    assert_eq!(scenario.classes.len(), 2);
}

#[test]
fn logs_are_found_from_the_file_that_names_them() {
    let folder = Folder::new()
        .with(
            "bases/base.yaml",
            "arrivals: {replay: {log: {one_of: [a.jsonl]}}}",
        )
        .with("bases/a.jsonl", ACCESS_LOG)
        .with("variant.yaml", "like: bases/base.yaml\nservers: {count: 3}");
    let scenario = folder.load("variant.yaml").unwrap().draw(1).unwrap();

    assert_eq!(times(&scenario).len(), 4);
}

#[test]
fn missing_and_broken_logs_are_refused_by_file_and_line() {
    for (log, expected) in [
        ("", "fewer than two"),
        ("{\"time\": 3}\n", "line 1"),
        ("\n[]\n", "line 2"),
        ("nonsense\n", "line 1"),
        (
            "{\"time\":\"yesterday\",\"duration_ms\":1,\"route\":null,\"status\":200}",
            "`yesterday`",
        ),
    ] {
        let folder = Folder::new()
            .with("family.yaml", "arrivals: {replay: {log: log.jsonl}}")
            .with("log.jsonl", log);
        let error = folder.load("family.yaml").unwrap_err().to_string();

        assert!(error.contains("log.jsonl"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let error = crate::folder::refusal("arrivals: {replay: {log: nowhere.jsonl}}");
    assert!(error.contains("nowhere.jsonl"), "{error}");
}

fn mean(demand: &Demand) -> f64 {
    match *demand {
        Demand::Lognormal { mean, .. } => mean,
        _ => panic!("lognormal by default"),
    }
}
