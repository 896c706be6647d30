//! The end of the process: drained, bounded, or handed over to a new one.

use crate::{
    backends::{Backends, assert_none_failed},
    support::edge::{Edge, http, http_try},
};
use services_mock::ServiceTime;
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Longer than any test may take; a drain that waits for it hangs.
const FOREVER: &str = "1h";

fn config(backends: &Backends, shutdown: &str) -> String {
    format!(
        "access_log: off\nshutdown: {{ {shutdown} }}\nclusters: [{{ name: web, {} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}]\n",
        backends.discovery([0])
    )
}

fn slow(time: Duration) -> Backends {
    Backends::start_with(1, move |_, settings| {
        settings.service_time = ServiceTime::Fixed(time);
    })
}

/// A request under way at the back end; its status comes from the thread.
fn begin(edge: &mut Edge, backends: &Backends) -> thread::JoinHandle<std::io::Result<u16>> {
    let address = edge.address();
    let request =
        thread::spawn(move || http_try(address, "GET", "/", &[], b"").map(|answer| answer.status));
    edge.await_true("the request is under way", |_| {
        backends.mock(0).in_flight() == 1
    });
    request
}

#[test]
fn sigterm_turns_unready_finishes_what_runs_and_ends_soon_after() {
    let backends = slow(Duration::from_millis(1500));
    let mut edge = Edge::start(&config(
        &backends,
        &format!("drain: 500ms, grace: {FOREVER}"),
    ));
    let request = begin(&mut edge, &backends);
    edge.signal("TERM");
    edge.await_true("not ready", |edge| edge.admin_get("/ready").status == 503);
    assert_eq!(edge.admin_get("/live").status, 200);
    let address = edge.address();
    let early = thread::spawn(move || http(address, "GET", "/", &[], b"").status);
    edge.await_true("a request within the drain is taken", |_| {
        backends.mock(0).in_flight() == 2
    });
    edge.await_true("new connections are refused", |_| {
        TcpStream::connect(address).is_err()
    });
    assert_eq!(request.join().expect("a thread").expect("an answer"), 200);
    assert_eq!(early.join().expect("a thread"), 200);
    assert_eq!(edge.await_exit().code(), Some(0));
}

#[test]
fn an_idle_proxy_ends_after_the_drain_though_the_grace_is_long() {
    let backends = Backends::start(1);
    let mut edge = Edge::start(&config(&backends, &format!("drain: 0s, grace: {FOREVER}")));
    let pid_file = edge.folder().join("edge.pid");
    let pid = std::fs::read_to_string(&pid_file).expect("a pid file");
    assert_eq!(pid.trim(), edge.pid().to_string());
    // A client that keeps its connection open without a request holds nothing up.
    let idle = TcpStream::connect(edge.address()).expect("connects");
    assert_eq!(edge.get("/").status, 200);
    edge.signal("TERM");
    assert_eq!(edge.await_exit().code(), Some(0));
    drop(idle);
    assert!(!pid_file.exists(), "the pid file outlived the process");
}

#[test]
fn the_grace_bounds_a_request_that_hangs() {
    let backends = slow(Duration::from_secs(600));
    let mut edge = Edge::start(&config(&backends, "drain: 0s, grace: 1s"));
    let request = begin(&mut edge, &backends);
    edge.signal("TERM");
    assert_eq!(edge.await_exit().code(), Some(0));
    assert!(request.join().expect("a thread").is_err());
}

#[test]
fn sigint_ends_at_once() {
    let backends = slow(Duration::from_secs(600));
    let mut edge = Edge::start(&config(
        &backends,
        &format!("drain: {FOREVER}, grace: {FOREVER}"),
    ));
    let request = begin(&mut edge, &backends);
    edge.signal("INT");
    assert_eq!(edge.await_exit().code(), Some(0));
    assert!(request.join().expect("a thread").is_err());
}

#[test]
fn a_hangup_while_draining_changes_nothing() {
    let backends = slow(Duration::from_millis(700));
    let mut edge = Edge::start(&config(
        &backends,
        &format!("drain: 200ms, grace: {FOREVER}"),
    ));
    let request = begin(&mut edge, &backends);
    edge.signal("TERM");
    edge.signal("HUP");
    edge.signal("USR1");
    assert_eq!(request.join().expect("a thread").expect("an answer"), 200);
    assert_eq!(edge.await_exit().code(), Some(0));
}

fn free_ports() -> [SocketAddr; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    held.map(|listener| listener.local_addr().expect("an address"))
}

fn fixed(backends: &Backends, [admin, proxy]: [SocketAddr; 2], folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "admin: {{ address: {admin} }}\nlisteners: [{{ address: {proxy} }}]\nupgrade: {{ socket: {folder}/u.sock, pid_file: {folder}/pid }}\n{}",
        config(backends, &format!("drain: 200ms, grace: {FOREVER}"))
    )
}

fn await_file(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < crate::support::edge::SOON, "{path:?}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn sigquit_hands_over_to_a_new_process_without_a_failed_request() {
    let backends = Backends::start(1);
    let folder = tempfile::tempdir().expect("a folder");
    let ports = free_ports();
    let config = fixed(&backends, ports, folder.path());
    let mut old = Edge::start_with(&config, &[]);
    let load = backends.load(&old, 200.0);
    let starting = thread::spawn(move || Edge::start_with(&config, &["-u"]));
    await_file(&folder.path().join("u.sock"));
    old.signal("QUIT");
    let mut new = starting.join().expect("the new process starts");
    assert_eq!(old.await_exit().code(), Some(0));
    assert_eq!(new.get("/").status, 200);
    assert_eq!(new.admin_get("/ready").status, 200);
    let requests = new.metric("lb_requests_total", &["code=\"200\""]);
    assert!(
        requests.is_some_and(|count| count > 0.0),
        "the new one serves"
    );
    assert_none_failed(&backends.finish(load));

    // The pid file names the one that serves, so that scripts can go on.
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("a pid file");
    assert_eq!(pid.trim(), new.pid().to_string());
    assert_eq!(new.reload(), Ok(2));
}

#[test]
fn a_new_process_without_an_old_one_says_so_and_ends() {
    let backends = Backends::start(1);
    let folder = tempfile::tempdir().expect("a folder");
    let (path, pid) = (folder.path().join("edge.yaml"), folder.path().join("pid"));
    std::fs::write(&pid, "1\n").expect("written");
    std::fs::write(&path, fixed(&backends, free_ports(), folder.path())).expect("written");
    let ended = crate::run_to_end::run(&["-c", &path.display().to_string(), "-u"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("u.sock"), "{}", ended.err);
    let named = std::fs::read_to_string(&pid).expect("a pid file");
    assert_eq!(named, "1\n", "whoever runs is still named");
}
