//! Back ends in this process and the load that is sent through the proxy to them.

use crate::support::edge::Edge;
use loadtest::{Plan, Report};
use services_mock::{Mock, Running, Service, Settings};
use std::{fmt::Write as _, net::SocketAddr, time::Duration};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

/// Longer than any test lasts; a load is ended by [`Load::finish`].
const LOAD_MAX: Duration = Duration::from_secs(600);

/// Mock services, gone on drop.
#[derive(Debug)]
pub(crate) struct Backends {
    // Before the run time, which must outlive them.
    mocks: Vec<Running>,
    runtime: Runtime,
}

/// A load underway.
#[derive(Debug)]
pub(crate) struct Load {
    cancel: oneshot::Sender<()>,
    report: JoinHandle<Report>,
}

impl Backends {
    /// Starts `count` services that answer at once.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_with(count, |_, _| ())
    }

    /// Starts `count` services, the settings of each changed by its index.
    pub(crate) fn start_with(count: usize, change: impl Fn(usize, &mut Settings)) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a run time");
        let start = |index| {
            let mut settings = Settings::new(Service::User);
            change(index, &mut settings);
            runtime
                .block_on(Mock::start(settings))
                .expect("starts on a free port")
        };
        let mocks = (0..count).map(start).collect();
        Self { mocks, runtime }
    }

    /// Where the service of that index listens.
    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.mocks[index].addr()
    }

    /// The service of that index.
    pub(crate) fn mock(&self, index: usize) -> &Running {
        &self.mocks[index]
    }

    /// Stops the service of that index cleanly; higher ones move up.
    pub(crate) fn stop(&mut self, index: usize) {
        self.runtime.block_on(self.mocks.remove(index).stop());
    }

    /// The line of configuration that names the services of those indices.
    pub(crate) fn discovery(&self, indices: impl IntoIterator<Item = usize>) -> String {
        let mut endpoints = String::new();
        for index in indices {
            write!(endpoints, "{{ address: {} }}, ", self.address(index)).expect("to memory");
        }
        format!("discovery: {{ static: {{ endpoints: [{endpoints}] }} }}")
    }

    /// Sends `rate_per_s` requests to the proxy until told to stop.
    pub(crate) fn load(&self, edge: &Edge, rate_per_s: f64) -> Load {
        self.load_on(edge.address(), "/", rate_per_s)
    }

    /// Like [`Backends::load`], for a path.
    pub(crate) fn load_on(&self, address: SocketAddr, path: &str, rate_per_s: f64) -> Load {
        let target = format!("http://{address}").parse().expect("a URL");
        let mut plan = Plan::new(target, rate_per_s, LOAD_MAX);
        plan.mix = vec![loadtest::Kind::get(path)];
        plan.timeout = Duration::from_secs(20);
        let (cancel, cancelled) = oneshot::channel();
        let run = async move {
            let cancelled = async { drop(cancelled.await) };
            loadtest::run(plan, cancelled).await.expect("a valid plan")
        };
        let report = self.runtime.spawn(run);
        Load { cancel, report }
    }

    /// Ends a load.
    pub(crate) fn finish(&self, load: Load) -> Report {
        drop(load.cancel);
        self.runtime.block_on(load.report).expect("the load runs")
    }
}

/// Fails unless every request of the load got a 200 or was underway when it was cancelled.
pub(crate) fn assert_none_failed(report: &Report) {
    let counts = &report.counts;
    let good = counts.statuses.get(&200).copied().unwrap_or(0);
    assert!(good > 0, "{report}");
    assert_eq!(good + counts.unfinished, counts.arrivals, "{report}");
}
