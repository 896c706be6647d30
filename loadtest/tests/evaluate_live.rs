//! `evaluate-live` as somebody runs it: real services, the real proxy, a short load.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_evaluate-live");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/default");

/// A folder with links to the programs: whatever runs under these names, this test has started.
struct Programs(TempDir);

impl Programs {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["ai-loadbalancer", "services-mock"] {
            let program = Path::new(PROGRAM).with_file_name(name);
            assert!(
                program.is_file(),
                "{} is missing: run `cargo build --workspace --bins` first, as `make test` does",
                program.display()
            );
            symlink(program, folder.path().join(name)).expect("a link");
        }
        Programs(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn evaluate(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("--proxy")
            .arg(self.path("ai-loadbalancer"))
            .arg("--services-mock")
            .arg(self.path("services-mock"))
            .args(["--model", MODEL, "--out"])
            .arg(self.path("out"))
            .args(arguments);
        command
    }

    fn running(&self) -> usize {
        let own = self.0.path().to_string_lossy().into_owned();
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let started = processes.filter(|process| {
            let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).starts_with(&own)
        });
        started.count()
    }
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the program under test runs")
}

#[test]
fn a_short_run_reports_every_policy_in_every_phase() {
    let programs = Programs::new();
    let simulated = programs.path("simulated.json");
    let figures = r#"{"learned": 0.1, "peak_ewma": 0.11, "random": 0.3}"#;
    std::fs::write(&simulated, figures).unwrap();
    let simulated = format!("degraded={}", simulated.display());
    let output = output(&mut programs.evaluate(&[
        "--policies",
        "learned,peak_ewma,random",
        "--rounds",
        "1",
        "--block",
        "1s",
        "--rate",
        "100",
        "--seed",
        "3",
        "--max-busy",
        "100",
        "--simulated",
        &simulated,
    ]));
    let said = String::from_utf8_lossy(&output.stderr);
    // A test machine may be too slow to send in time; that is told, and the report is there.
    let refused = said.contains("nothing can be claimed");
    assert_eq!(output.status.code(), Some(i32::from(refused)), "{said}");
    assert_eq!(programs.running(), 0);

    let table = String::from_utf8_lossy(&output.stdout);
    assert!(
        table.contains("Seed 3") && table.contains("Spearman"),
        "{table}"
    );
    let file = std::fs::read(programs.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&file).unwrap();
    let blocks = report["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 6, "{report}");
    for block in blocks {
        assert!(block["requests"].as_u64() > Some(0), "{block}");
        assert!(block["p99_ms"].as_f64() > Some(1.0), "{block}");
        assert!(block["busy"].as_f64() > Some(0.0), "{block}");
    }
    let healthy = blocks.iter().filter(|block| block["phase"] == "healthy");
    assert!(
        healthy.clone().all(|block| block["errors"] == 0),
        "{report}"
    );
    assert_eq!(healthy.count(), 3);
    assert!(
        report["learned"]["decisions"].as_f64() > Some(50.0),
        "{report}"
    );
    assert_eq!(report["agreements"][0]["policies"], 3);
    let gates = report["gates"].as_array().map(Vec::len);
    assert_eq!(gates, Some(if refused { 0 } else { 3 }), "{report}");
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let programs = Programs::new();
    let mut run = programs.evaluate(&["--policies", "peak_ewma", "--block", "1s"]);
    let mut run = run
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("block 1/20"), "{first}");
    assert_eq!(programs.running(), 9, "eight services and the proxy");
    interrupt(&run);
    assert_eq!(run.wait().unwrap().code(), Some(1));
    let last = lines.last().unwrap().unwrap();
    assert!(last.contains("interrupted"), "{last}");
    assert_eq!(programs.running(), 0);
}

#[test]
fn a_proxy_that_does_not_start_is_told_and_the_services_are_stopped() {
    let programs = Programs::new();
    std::fs::remove_file(programs.path("ai-loadbalancer")).unwrap();
    symlink("/bin/false", programs.path("ai-loadbalancer")).unwrap();
    let output = output(&mut programs.evaluate(&[]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("the proxy ended"), "{said}");
    assert_eq!(programs.running(), 0);
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    for arguments in [
        &["--policies", "best"][..],
        &["--rounds", "0"],
        &["--block", "5ms"],
        &["--simulated", "report.json"],
    ] {
        let output = output(Command::new(PROGRAM).args(["--out", "x"]).args(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

fn interrupt(child: &Child) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("a process"), Signal::INT).expect("signalled");
}
