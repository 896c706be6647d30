//! The whole shop behind the proxy, as `make demo-shop` runs it, with one instance of each service
//! killed in the middle: no confirmed order is lost, and money and stock agree exactly.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use commerce::testing::database_url;
use loadtest::journeys::Progress;
use loadtest::shop_run::{Outcome, Programs, Setting, State, run};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_demo-shop");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/default");

/// A shop and its shoppers have the machine to themselves.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A workspace's program beside the one under test.
fn program(name: &str) -> PathBuf {
    let program = Path::new(PROGRAM).with_file_name(name);
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build --workspace --bins` first, as `make test` does",
        program.display()
    );
    program
}

fn check(outcome: &Outcome) {
    assert!(outcome.trial.passes(), "{outcome}");
    let orders = &outcome.journeys.orders;
    assert!(
        orders.placed >= 10,
        "too few orders to prove anything\n{outcome}"
    );
    let sent = outcome.trial.by_status.get("PROCESSING");
    assert!(sent.is_some_and(|&sent| sent >= 5), "{outcome}");
}

#[tokio::test]
async fn on_postgres_and_redis_killed_instances_lose_nothing() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let setting = Setting {
        programs: Programs {
            proxy: program("ai-loadbalancer"),
            services_mock: program("services-mock"),
            redis: Some("redis-server".into()),
            model: MODEL.into(),
        },
        state: State::Postgres(database_url().await),
        length: Duration::from_secs(20),
        rate_per_s: 4.0,
        seed: 7,
        delay_ms: 200,
        kill: true,
    };
    let outcome = run(&setting, Progress::new()).await.expect("a whole run");
    assert_eq!(outcome.state, "PostgreSQL and Redis");
    assert_eq!(outcome.killed.len(), 6, "{:?}", outcome.killed);
    check(&outcome);
}

#[tokio::test]
async fn on_sqlite_alone_the_demo_ends_with_exact_books_after_kills() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("outcome.json");
    let output = Command::new(PROGRAM)
        .args(["--no-redis", "--kill", "--seconds", "20", "--rate", "4"])
        .args(["--seed", "8", "--model", MODEL, "--json"])
        .arg(&json)
        .output()
        .expect("the program under test runs");
    let (told, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}{errors}");
    for words in [
        "SQLite, without Redis",
        "killed meanwhile",
        "lost",
        "exact",
        "learned",
    ] {
        assert!(told.contains(words), "{words} is missing in\n{told}");
    }
    let json = std::fs::read_to_string(json).expect("the outcome");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert!(json["trial"]["lost"].as_array().is_some_and(Vec::is_empty));
    assert!(json["trial"]["orders"].as_u64() >= Some(10), "{told}");
    assert_eq!(json["shares"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_missing_program_is_named() {
    let output = Command::new(PROGRAM)
        .args(["--model", MODEL, "--proxy", "/nowhere/proxy"])
        .output()
        .expect("the program under test runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("/nowhere/proxy"), "{told}");
}
