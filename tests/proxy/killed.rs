//! A back end process is killed under load: what could be saved is saved.

use crate::{
    setup::{await_idle, counted, one_cluster},
    support::edge::Edge,
};
use http::Method;
use loadtest::{Kind, Plan, Report};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::runtime::Runtime;

/// A mock service as a process of its own, killed on drop.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start() -> Self {
        let proxy = Path::new(env!("CARGO_BIN_EXE_ai-loadbalancer"));
        let binary = proxy.with_file_name("services-mock");
        assert!(
            binary.exists(),
            "{} is missing: cargo build -p services-mock",
            binary.display()
        );
        let mut child = Command::new(&binary)
            .args([
                "--service",
                "user@127.0.0.1:0",
                "--service-time",
                "fixed:5ms",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("services-mock runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line
            .trim_end()
            .rsplit(' ')
            .next()
            .and_then(|text| text.parse().ok());
        Self {
            child,
            address: address.unwrap_or_else(|| panic!("no address in {line:?}")),
        }
    }

    /// As `kill -9`.
    fn kill(&mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop((self.child.kill(), self.child.wait()));
    }
}

/// Sends GETs and POSTs side by side and calls `midway` after a second.
fn under_load(target: SocketAddr, midway: impl FnOnce()) -> (Report, Report) {
    let target: http::Uri = format!("http://{target}").parse().expect("a URL");
    let gets = Plan::new(target.clone(), 200.0, Duration::from_secs(3));
    let mut posts = Plan::new(target, 50.0, Duration::from_secs(3));
    posts.mix = vec![Kind {
        method: Method::POST,
        body_bytes: 100,
        ..Kind::get("/")
    }];
    posts.seed = 1;
    let load = |plan| async {
        loadtest::run(plan, std::future::pending())
            .await
            .expect("a plan")
    };
    Runtime::new().expect("a run time").block_on(async {
        let gets = tokio::spawn(load(gets));
        let posts = tokio::spawn(load(posts));
        tokio::time::sleep(Duration::from_secs(1)).await;
        midway();
        (
            gets.await.expect("no panic"),
            posts.await.expect("no panic"),
        )
    })
}

#[test]
fn a_killed_back_end_fails_no_get_and_no_post_that_could_be_saved() {
    let mut processes = [Process::start(), Process::start(), Process::start()];
    let addresses = [0, 1, 2].map(|index: usize| processes[index].address);
    let mut edge = Edge::start(&one_cluster(&addresses, ", policy: peak_ewma"));
    let (gets, posts) = under_load(edge.address(), || processes[1].kill());

    assert_eq!(counted(&edge, "lb_dropped_requests_total", &[]) as u64, 0);
    assert_eq!(
        gets.counts.statuses.keys().collect::<Vec<_>>(),
        [&200],
        "{gets}"
    );
    assert_eq!(gets.counts.answered(), gets.counts.arrivals, "{gets}");
    assert_eq!(posts.counts.answered(), posts.counts.arrivals, "{posts}");
    // Those on their way at the kill may have been executed: at most what was in flight.
    assert!(posts.counts.server_errors() <= 5, "{posts}");
    assert!(
        counted(&edge, "lb_retries_total", &[]) > 0.0,
        "the kill was not even noticed"
    );
    await_idle(&mut edge);
}
