//! The end of the process: not ready first, so that load balancers before us look away,
//! then no new connections, then out as soon as the last one is done.

use crate::{
    decision_log::DecisionLog,
    proxy::{AccessLog, OpenConnections},
};
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, UnixShutdownSignalWatch};
use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// How often a draining process looks whether it may end.
const IDLE_TICK: Duration = Duration::from_millis(50);

/// How long Pingora goes on listening after it handed its sockets over (5 s), and some more.
const HAND_OVER: Duration = Duration::from_secs(10);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Whether the process should get traffic, and what must be done before it ends.
#[derive(Debug)]
pub struct Lifecycle {
    phase: AtomicU8,
    connections: OpenConnections,
    access_log: AccessLog,
    decision_log: DecisionLog,
    pid_file: PathBuf,
}

impl Lifecycle {
    /// A process that is starting and has written its identifier to `pid_file`.
    pub fn new(
        connections: OpenConnections,
        access_log: AccessLog,
        decision_log: DecisionLog,
        pid_file: PathBuf,
    ) -> Self {
        Self {
            phase: AtomicU8::new(STARTING),
            connections,
            access_log,
            decision_log,
            pid_file,
        }
    }

    /// Whether it should get traffic.
    pub fn is_ready(&self) -> bool {
        self.phase.load(Relaxed) == READY
    }

    /// The access log, to be written out at the end.
    pub fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    pub(super) fn set_ready(&self) {
        // A drain that has begun is not taken back: the exchange fails then.
        self.phase
            .compare_exchange(STARTING, READY, Relaxed, Relaxed)
            .ok();
    }

    /// Ends the process once no client is connected. Pingora would wait for its whole grace
    /// period; it still bounds this wait.
    pub(super) async fn finish_when_idle(&self) {
        // Twice in a row: a connection that was just accepted is not counted at once.
        let mut idle_looks = 0;
        while idle_looks < 2 {
            tokio::time::sleep(IDLE_TICK).await;
            let is_idle = self.connections.count() == 0;
            idle_looks = if is_idle { idle_looks + 1 } else { 0 };
        }
        self.exit("drained");
    }

    /// Ends the process. Pingora's own end stops every run time and waits for its threads,
    /// which now and then never comes to its end while requests are under way.
    fn exit(&self, why: &str) -> ! {
        log::info!("exiting why=\"{why}\"");
        self.finish();
        std::process::exit(0);
    }

    /// What is left to do before the process ends: writes out the logs, removes the pid file
    /// unless it names a process that took over.
    pub fn finish(&self) {
        self.access_log.flush();
        self.decision_log.finish();
        let own = format!("{}\n", std::process::id());
        if fs::read_to_string(&self.pid_file).is_ok_and(|pid| pid == own) {
            // A file left behind says nothing wrong to those who ask the system for the pid.
            fs::remove_file(&self.pid_file).ok();
        }
    }

    fn exit_after(self: Arc<Self>, limit: Duration) -> io::Result<()> {
        let wait = move || {
            let begun = Instant::now();
            while let Some(rest) = limit.checked_sub(begun.elapsed()) {
                thread::park_timeout(rest);
            }
            self.exit("the grace period is over")
        };
        thread::Builder::new().name("grace".into()).spawn(wait)?;
        Ok(())
    }
}

/// Pingora's signals, with a time of not being ready before SIGTERM closes the listeners.
#[derive(Debug)]
pub struct ShutdownOnSignal {
    lifecycle: Arc<Lifecycle>,
    drain: Duration,
    grace: Duration,
}

impl ShutdownOnSignal {
    /// Waits `drain` between a SIGTERM and the end of listening, and ends the process `grace`
    /// after that at the latest.
    pub fn new(lifecycle: Arc<Lifecycle>, drain: Duration, grace: Duration) -> Self {
        Self {
            lifecycle,
            drain,
            grace,
        }
    }
}

#[async_trait]
impl ShutdownSignalWatch for ShutdownOnSignal {
    async fn recv(&self) -> ShutdownSignal {
        let signal = UnixShutdownSignalWatch.recv().await;
        self.lifecycle.phase.store(DRAINING, Relaxed);
        let limit = match signal {
            ShutdownSignal::FastShutdown => self.lifecycle.exit("interrupted"),
            ShutdownSignal::GracefulUpgrade => HAND_OVER + self.grace,
            ShutdownSignal::GracefulTerminate => {
                log::info!("draining for={:?}", self.drain);
                tokio::time::sleep(self.drain).await;
                self.grace
            }
        };
        if let Err(error) = Arc::clone(&self.lifecycle).exit_after(limit) {
            log::error!("only Pingora bounds the end error=\"{error}\"");
        }
        signal
    }
}
