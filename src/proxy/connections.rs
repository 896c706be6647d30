//! Downstream connections of one listener: counted, and refused above a limit.

use async_trait::async_trait;
use pingora::{apps::ServerApp, protocols::Stream, server::ShutdownWatch};
use prometheus::{IntCounter, IntGauge};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Connections of all listeners together; a drain waits until it is zero.
#[derive(Clone, Debug, Default)]
pub struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    /// How many are open.
    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// Serves connections with another application, at most so many at once.
pub struct Limited<A> {
    inner: Arc<A>,
    max: usize,
    own: OpenConnections,
    all: OpenConnections,
    open: IntGauge,
    refused: IntCounter,
}

impl<A> fmt::Debug for Limited<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("max", &self.max)
            .field("open", &self.own.count())
            .finish_non_exhaustive()
    }
}

impl<A> Limited<A> {
    /// Lets `inner` serve up to `max` connections; further ones are closed at once.
    pub fn new(
        inner: A,
        max: usize,
        all: OpenConnections,
        open: IntGauge,
        refused: IntCounter,
    ) -> Self {
        Self {
            inner: Arc::new(inner),
            max,
            own: OpenConnections::default(),
            all,
            open,
            refused,
        }
    }
}

/// Counts one connection while it lives.
struct Guard {
    counters: [Arc<AtomicUsize>; 2],
    open: IntGauge,
}

impl Guard {
    fn enter(own: &OpenConnections, all: &OpenConnections, open: &IntGauge) -> Self {
        let counters = [Arc::clone(&own.0), Arc::clone(&all.0)];
        for counter in &counters {
            counter.fetch_add(1, Relaxed);
        }
        open.inc();
        Self {
            counters,
            open: open.clone(),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for counter in &self.counters {
            counter.fetch_sub(1, Relaxed);
        }
        self.open.dec();
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for Limited<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let _guard = Guard::enter(&self.own, &self.all, &self.open);
        if self.own.count() > self.max {
            self.refused.inc();
            return None;
        }
        self.inner.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        self.inner.cleanup().await;
    }
}
