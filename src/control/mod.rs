//! The control plane: everything that changes what the data plane reads, off its path.

mod build;
mod drain;
mod feed;
mod loader;
mod metrics;
mod registry_metrics;
mod reload;
mod signals;
mod sources;

pub use build::{BuildError, Foundation, build};
pub use drain::{Lifecycle, ShutdownOnSignal};
pub use feed::Feed;
pub use loader::{Interrupted, Loader};
pub use metrics::ControlMetrics;
pub use registry_metrics::RegistryMetrics;
pub use reload::{ReloadError, ReloadMetrics, ReloadStatus, Reloader};
pub use signals::{Order, catch as catch_signals};
pub use sources::SourceBook;

use async_trait::async_trait;
use pingora::{
    server::ShutdownWatch,
    services::{ServiceReadyNotifier, background::BackgroundService},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// How often a starting process looks whether clients can connect.
const LISTENING_TICK: Duration = Duration::from_millis(5);

/// A reload asked for by the admin interface; the answer goes back over the channel.
pub type ReloadRequest = oneshot::Sender<Result<u64, String>>;

/// The one background service: primes the first topology, then serves orders.
#[derive(Debug)]
pub struct Control {
    reloader: Arc<Reloader>,
    lifecycle: Arc<Lifecycle>,
    /// Taken when the service starts.
    start: Mutex<Option<Start>>,
}

/// What only the running service needs.
#[derive(Debug)]
pub struct Start {
    /// Feeds of the first topology.
    pub feeds: Vec<Arc<Feed>>,
    /// Orders by signal.
    pub signals: mpsc::UnboundedReceiver<Order>,
    /// Orders by the admin interface.
    pub requests: mpsc::Receiver<ReloadRequest>,
    /// Where clients connect; not ready before all of them can.
    pub listeners: Vec<SocketAddr>,
}

impl Control {
    /// A control service that has not started.
    pub fn new(reloader: Arc<Reloader>, lifecycle: Arc<Lifecycle>, start: Start) -> Self {
        Self {
            reloader,
            lifecycle,
            start: Mutex::new(Some(start)),
        }
    }

    async fn serve(&self, mut start: Start, tasks: &mut JoinSet<()>, mut shutdown: ShutdownWatch) {
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                Some(order) = start.signals.recv() => match order {
                    Order::Reload => {
                        // The reloader logs and counts what comes of it.
                        self.reloader.reload(tasks).await.ok();
                    }
                    Order::ReopenLogs => self.lifecycle.access_log().reopen(),
                },
                Some(reply) = start.requests.recv() => {
                    let result = self.reloader.reload(tasks).await.map_err(|error| error.to_string());
                    // The one who asked may be gone; the reload counts all the same.
                    reply.send(result).ok();
                }
            }
        }
    }
}

#[async_trait]
impl BackgroundService for Control {
    async fn start_with_ready_notifier(
        &self,
        shutdown: ShutdownWatch,
        ready: ServiceReadyNotifier,
    ) {
        let start = self
            .start
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut start) = start else { return };
        let mut tasks = self.reloader.start(std::mem::take(&mut start.feeds)).await;
        ready.notify_ready();
        let listeners = std::mem::take(&mut start.listeners);
        tokio::spawn(ready_once_listening(listeners, Arc::clone(&self.lifecycle)));
        self.serve(start, &mut tasks, shutdown).await;
        // Checks and discovery go on while the last requests finish.
        self.lifecycle.finish_when_idle().await;
    }
}

/// Pingora opens its listeners in tasks of their own and does not tell when, so this connects.
async fn ready_once_listening(listeners: Vec<SocketAddr>, lifecycle: Arc<Lifecycle>) {
    for address in listeners {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(LISTENING_TICK).await;
        }
    }
    lifecycle.set_ready();
}
