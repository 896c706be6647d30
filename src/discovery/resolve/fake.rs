//! A resolver for tests that answers, fails or hangs as told.

use super::Lookup;
use async_trait::async_trait;
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(in crate::discovery) struct FakeLookup {
    answers: Mutex<HashMap<String, Vec<IpAddr>>>,
    calls: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
    /// Each look-up takes one permit, so that without permits it hangs.
    permits: Semaphore,
}

impl Default for FakeLookup {
    fn default() -> Self {
        Self {
            answers: Mutex::default(),
            calls: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }
}

impl FakeLookup {
    /// Hangs until permits are given by [`FakeLookup::let_through`].
    pub(in crate::discovery) fn hanging() -> Self {
        Self {
            permits: Semaphore::new(0),
            ..Self::default()
        }
    }

    pub(in crate::discovery) fn let_through(&self, lookups: usize) {
        self.permits.add_permits(lookups);
    }

    /// From now on `host` resolves to these.
    pub(in crate::discovery) fn answer(&self, host: &str, addresses: &[&str]) {
        let addresses = addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect();
        self.answers
            .lock()
            .unwrap()
            .insert(host.to_owned(), addresses);
    }

    /// From now on `host` does not resolve, as at the start.
    pub(in crate::discovery) fn fail(&self, host: &str) {
        self.answers.lock().unwrap().remove(host);
    }

    pub(in crate::discovery) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub(in crate::discovery) fn most_running(&self) -> usize {
        self.most_running.load(SeqCst)
    }
}

#[async_trait]
impl Lookup for FakeLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.calls.fetch_add(1, SeqCst);
        let running = self.running.fetch_add(1, SeqCst) + 1;
        self.most_running.fetch_max(running, SeqCst);
        self.permits.acquire().await.unwrap().forget();
        self.running.fetch_sub(1, SeqCst);
        let answers = self.answers.lock().unwrap();
        answers
            .get(host)
            .cloned()
            .ok_or_else(|| io::Error::other("no such name"))
    }
}
