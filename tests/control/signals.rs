//! Signals beside the one to end, and the access log that one of them opens anew.

use crate::{
    backends::Backends,
    reload::{ADMIN, LISTENERS, web},
    run_to_end::binary,
    support::edge::{Edge, SOON},
};
use std::{
    fs,
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command},
    time::Instant,
};

#[test]
fn the_access_log_moves_with_a_reload_and_is_opened_anew_by_signal() {
    let backends = Backends::start(1);
    let logging_to = |target: &str| {
        web(&backends, &[0], "").replace("access_log: off", &format!("access_log: {target}"))
    };
    let mut edge = Edge::start(&logging_to("{ file: \"{folder}/one.log\" }"));
    let (one, two) = (edge.folder().join("one.log"), edge.folder().join("two.log"));
    let count =
        |path: &std::path::Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    assert_eq!(edge.get("/1").status, 200);
    edge.await_true("the first line", |_| count(&one) == 1);

    let rotated = edge.folder().join("one.log.1");
    fs::rename(&one, &rotated).expect("rotated");
    edge.signal("USR1");
    edge.await_true("the file is there again", |_| one.exists());
    assert_eq!(edge.get("/2").status, 200);
    edge.await_true("the next line", |_| count(&one) == 1);
    assert_eq!(count(&rotated), 1);

    edge.write_rest(&logging_to("{ file: \"{folder}/two.log\" }"));
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/3").status, 200);
    edge.await_true("a line in the other file", |_| count(&two) == 1);
    assert_eq!(count(&one), 1);

    edge.write_rest(&logging_to("off"));
    assert_eq!(edge.reload(), Ok(3));
    assert_eq!(edge.get("/4").status, 200);
    edge.write_rest(&logging_to("{ file: \"{folder}/one.log\" }"));
    assert_eq!(edge.reload(), Ok(4));
    assert_eq!(edge.get("/5").status, 200);
    edge.await_true("a line after the pause", |_| count(&one) == 2);
    assert_eq!(count(&two), 1);
}

#[test]
fn a_log_file_that_cannot_be_opened_stops_no_request() {
    let backends = Backends::start(1);
    let rest = web(&backends, &[0], "")
        .replace("access_log: off", "access_log: { file: /nowhere/edge.log }");
    let mut edge = Edge::start(&rest);
    assert_eq!(edge.get("/").status, 200);
    edge.signal("USR1");
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/").status, 200);
    edge.await_true("the log tells", |edge| {
        edge.log_so_far().contains("/nowhere/edge.log")
    });
}

#[test]
fn sigusr2_is_ignored() {
    let backends = Backends::start(1);
    let mut edge = Edge::start(&web(&backends, &[0], ""));
    edge.signal("USR2");
    assert_eq!(edge.reload(), Ok(2));
    assert_eq!(edge.get("/").status, 200);
}

/// Whether the process handles SIGHUP; before it does, a hang-up kills whatever program it is.
fn catches_hangup(process: &Child) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("Linux tells of its processes");
    let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    caught
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn a_hangup_in_the_first_milliseconds_does_not_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("edge.yaml");
    let own = folder.path().display();
    let backends = Backends::start(1);
    let config = format!(
        "{ADMIN}{LISTENERS}upgrade: {{ socket: {own}/u, pid_file: {own}/p }}\n{}",
        web(&backends, &[0], "")
    );
    fs::write(&path, config).expect("written");
    let mut process = binary(&["-c", &path.display().to_string()])
        .spawn()
        .expect("the proxy's binary runs");
    let begun = Instant::now();
    while !catches_hangup(&process) {
        assert!(begun.elapsed() < SOON, "it never handles a hang-up");
    }
    let hang_up = ["-s", "HUP", &process.id().to_string()].map(str::to_owned);
    for _ in 0..5 {
        let sent = Command::new("kill").args(&hang_up).status();
        assert!(sent.expect("kill runs").success());
    }
    let mut log = String::new();
    let mut errors = process.stderr.take().expect("piped");
    let mut chunk = [0; 4096];
    while !log.contains("configuration reloaded") {
        let length = errors.read(&mut chunk).expect("readable");
        assert!(
            length > 0,
            "ended by signal {:?}: {log}",
            process.wait().expect("our child").signal()
        );
        log.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    process.kill().expect("our child");
    process.wait().expect("our child");
}
