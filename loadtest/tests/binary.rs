//! The program itself: its two outputs and its exit codes.

use std::process::Output;

use services_mock::{Mock, Service, Settings};
use tokio::process::Command;

async fn loadgen(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(arguments).output().await.expect("runs")
}

#[tokio::test]
async fn it_prints_a_table_or_one_json_object() {
    let mock = Mock::start(Settings::new(Service::User)).await.unwrap();
    let url = mock.url();
    let load = [
        url.as_str(),
        "--rate",
        "100",
        "--seconds",
        "0.1",
        "--arrivals",
        "fixed",
    ];
    let table = loadgen(&load).await;
    assert_eq!(table.status.code(), Some(0));
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("arrivals") && table.contains("p99.9"),
        "{table}"
    );

    let json = loadgen(&[&load[..], &["--json"]].concat()).await;
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["statuses"]["200"], 10);
    assert_eq!(report["arrivals"], 10);
    assert!(report["latency_ms"]["p999"].is_number(), "{report}");
}

#[tokio::test]
async fn exit_codes_tell_wrong_usage_and_no_answer_apart() {
    assert_eq!(loadgen(&["https://a:1"]).await.status.code(), Some(2));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let nothing = loadgen(&[&url, "--rate", "100", "--seconds", "0.05"]).await;
    assert_eq!(nothing.status.code(), Some(1));
}
