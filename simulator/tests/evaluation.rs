//! A small evaluation from family files to a report, and the command line around it.

use lb_simulator::{
    contender::{Contender, Models, contenders},
    evaluation::{FamilyInfo, FamilyResults, Round, check, run},
    family::Family,
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;

const FAMILIES: [(&str, &str); 2] = [
    ("even.yaml", "load: {requests: 3000, duration_seconds: 6}\n"),
    (
        "uneven.yaml",
        "servers: {count: {one_of: [4, 6]}, speed_spread: 4}\n\
         load: {requests: 3000, duration_seconds: 6}\n",
    ),
];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in FAMILIES {
        fs::write(folder.path().join(name), text).expect("the folder can be written");
    }
    folder
}

fn policies() -> Vec<Contender> {
    let list = ["random,least_request:choices=all,oracle".to_owned()];
    contenders(&list, &Models::default()).expect("known policies")
}

fn rounds(folder: &Path) -> Vec<Round> {
    let families = Family::load_all(folder).expect("good families");
    let round = |family: &Family| Round {
        family: FamilyInfo {
            name: family.name().to_owned(),
            file: family.file().to_string_lossy().into_owned(),
        },
        seeds: vec![1, 2],
        scenarios: [1, 2]
            .map(|seed| family.draw(seed).expect("a scenario"))
            .to_vec(),
    };
    families.iter().map(round).collect()
}

fn evaluate(rounds: &[Round], threads: usize) -> Vec<FamilyResults> {
    let done = AtomicUsize::new(0);
    let count = || {
        done.fetch_add(1, Ordering::Relaxed);
    };
    let results = run(rounds, &policies(), threads, &count).expect("threads");
    assert_eq!(done.into_inner(), 12, "2 families, 2 seeds, 3 contenders");
    results
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = folder();
    let rounds = rounds(folder.path());
    let one = evaluate(&rounds, 1);
    assert_eq!(one, evaluate(&rounds, 3));
    let infos: Vec<_> = policies()
        .iter()
        .map(lb_simulator::evaluation::ContenderInfo::of)
        .collect();
    check(&infos, &one).unwrap();
    for family in &one {
        let [random, _, oracle] = &family.runs[..] else {
            panic!("three contenders");
        };
        for (random, oracle) in random.iter().zip(oracle) {
            assert!(oracle.latency.mean < random.latency.mean, "{family:?}");
        }
    }
}

fn simulator(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulator"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = simulator(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
    assert_eq!(error, "", "no progress where there is no terminal");
    String::from_utf8(output.stdout).expect("tables are text")
}

#[test]
fn an_evaluation_is_run_reported_and_shown_again() {
    let folder = folder();
    let folder = folder.path();
    let arguments = "eval --scenarios . --policies random,least_request oracle --seeds 2 \
                     --seed-base 7 --out report.json --html page.html";
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let text = succeed(folder, &arguments);
    assert!(text.starts_with("seeds 7 to 8\n"), "{text}");
    assert!(
        text.contains("uneven (2 seeds, best hand-written: "),
        "{text}"
    );

    let again = succeed(folder, &["report", "report.json", "--html", "again.html"]);
    assert_eq!(again, "");
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("<h2>uneven</h2>"));
    assert_eq!(page, fs::read_to_string(folder.join("again.html")).unwrap());
    let tables = succeed(folder, &["report", "report.json"]);
    assert!(text.ends_with(&tables), "{tables}");

    let gates = simulator(folder, &["gates", "report.json"]);
    assert_eq!(gates.status.code(), Some(1));
    let error = String::from_utf8_lossy(&gates.stderr).into_owned();
    assert!(error.contains("There are none"), "{error}");
}

#[test]
fn a_run_prints_its_figures_and_traces_its_decisions() {
    let folder = folder();
    let folder = folder.path();
    for name in ["trace.jsonl", "trace.parquet"] {
        let arguments = [
            "run",
            "uneven.yaml",
            "--policy",
            "peak_ewma",
            "--trace",
            name,
        ];
        let text = succeed(folder, &arguments);
        assert!(text.contains("policy      peak_ewma\n"), "{text}");
        let records: Result<Vec<_>, _> = lb_decisions::read(&folder.join(name)).unwrap().collect();
        let records = records.unwrap();
        assert!(text.contains(&format!("{name}: {} decisions", records.len())));
        assert!(records.len() > 2000, "{}", records.len());
        let last = records.last().unwrap();
        assert_eq!(last.cluster, "uneven");
        assert_eq!(last.true_costs.len(), last.candidates.len());
        assert!(records.iter().all(|record| record.latency_seconds > 0.0));
    }
}

#[test]
fn wrong_arguments_end_with_the_cause_and_the_code() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("report.json"), "{}").unwrap();
    for (arguments, code, cause) in [
        (vec!["eval"], 2, "--scenarios"),
        (
            vec!["run", "even.yaml", "--policy", "c4"],
            1,
            "policy `c4` is unknown",
        ),
        (vec!["run", "none.yaml", "--policy", "c3"], 1, "none.yaml"),
        (
            vec!["list", "even.yaml", "even.yaml"],
            1,
            "even.yaml: is given twice",
        ),
        (
            vec!["report", "report.json"],
            1,
            "report.json: missing field",
        ),
        (
            vec![
                "eval",
                "--scenarios",
                "even.yaml",
                "--out",
                "no/report.json",
            ],
            1,
            "no/report.json: cannot be written",
        ),
        (
            vec!["run", "even.yaml", "--policy", "c3", "--trace", "x.csv"],
            1,
            "x.csv: the extension must be",
        ),
    ] {
        let output = simulator(folder, &arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(cause), "{arguments:?}: {error}");
    }
    let list = succeed(folder, &["list", "."]);
    assert_eq!(list.lines().count(), 2, "{list}");
}
