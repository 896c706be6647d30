//! The program itself: its announcement, exit codes and signals.

mod support;

use std::process::Stdio;

use support::{PATIENCE, get};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const SECRET: &str = "a secret for tests, known to everybody";

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_services-mock"));
    command.args(arguments).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn announced(child: &mut Child, lines: usize) -> Vec<Vec<String>> {
    let mut stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut announced = Vec::new();
    for _ in 0..lines {
        let line = tokio::time::timeout(PATIENCE, stdout.next_line()).await;
        let line = line.expect("in time").expect("readable").expect("a line");
        announced.push(line.split(' ').map(str::to_owned).collect());
    }
    announced
}

#[tokio::test]
async fn it_announces_each_service_and_ends_well_on_sigterm() {
    let mut child = program(&[
        "--service",
        "user/u1@127.0.0.1:0",
        "--service",
        "cart@127.0.0.1:0",
    ])
    .args(["--service-time", "fixed:0ms"])
    .spawn()
    .unwrap();
    let lines = announced(&mut child, 2).await;
    assert_eq!(lines[0][..3], ["listening", "user-service", "u1"]);
    assert_eq!(lines[1][1], "cart-service");
    let address = lines[0][3].parse().unwrap();
    assert_eq!(get(address, "/").await.unwrap().json()["instance"], "u1");

    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .await
        .unwrap();
    assert!(killed.success());
    let ended = tokio::time::timeout(PATIENCE, child.wait())
        .await
        .expect("ends");
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_port_in_use_ends_it_with_1_and_a_clear_text() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["--service", "order", "--address", &address];
    let output = program(&arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
}

#[tokio::test]
async fn wrong_usage_ends_it_with_2() {
    let output = program(&["--service", "shop"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn a_shop_without_a_secret_is_wrong_usage_that_names_both_ways() {
    let output = program(&["--service", "user", "--shop"])
        .env_remove("JWT_SECRET")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("--jwt-secret-file") && text.contains("JWT_SECRET"),
        "{text}"
    );
}

#[tokio::test]
async fn a_shop_whose_store_fails_ends_with_1_and_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().join("below a file").display().to_string();
    let arguments = [
        "--service",
        "user@127.0.0.1:0",
        "--shop",
        "--data-dir",
        &folder,
    ];
    let output = program(&arguments)
        .env("JWT_SECRET", SECRET)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("user-service: store"), "{text}");
}

#[tokio::test]
async fn all_six_services_of_a_shop_start_on_a_temporary_folder_that_goes_with_them() {
    let scratch = tempfile::tempdir().unwrap();
    let names = [
        "user",
        "cart",
        "order",
        "inventory",
        "payment",
        "notification",
    ];
    let services = names.map(|name| format!("--service={name}@127.0.0.1:0"));
    let mut command = program(&[
        "--shop",
        "--bcrypt-cost",
        "4",
        "--service-time",
        "fixed:0ms",
    ]);
    command.args(services).env("JWT_SECRET", SECRET);
    let mut child = command.env("TMPDIR", scratch.path()).spawn().unwrap();
    for line in announced(&mut child, 6).await {
        let address = line[3].parse().unwrap();
        let health = get(address, "/health").await.unwrap();
        assert_eq!(health.json()["status"], "UP", "{line:?}");
        let document = get(address, "/openapi.json").await.unwrap().json();
        assert_eq!(document["info"]["title"], line[1]);
    }
    let files = || std::fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(files(), 1);
    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(killed.unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    assert_eq!(ended.expect("ends").unwrap().code(), Some(0));
    assert_eq!(files(), 0);
}
