//! Taking over a new configuration, new models and new endpoints while requests go on.
//! Either everything works and is swapped in as one, or everything that ran keeps running.

use super::{
    build::{BuildError, Foundation, build},
    feed::Feed,
    loader::{Interrupted, Loader},
    metrics::ControlMetrics,
    registry_metrics::RegistryMetrics,
};
use crate::{
    balance::{ModelBook, ModelProblem},
    config::{self, Config, ConfigErrors},
    proxy::{AccessLog, ProxyMetrics},
    topology::{SharedTopology, Topology},
};
use serde::Serialize;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinSet;

/// Why a reload was refused.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file is not a valid configuration.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// It changes what is read only at start.
    #[error("{file}: {key} cannot change in a reload; restart, or hand over with SIGQUIT and -u")]
    Boot {
        /// The configuration file.
        file: String,
        /// The key whose value changed.
        key: &'static str,
    },
    /// Models or checks cannot be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The work was cut off.
    #[error("reload was interrupted: {0}")]
    Interrupted(#[from] Interrupted),
}

impl From<ModelProblem> for ReloadError {
    fn from(problem: ModelProblem) -> Self {
        Self::Build(BuildError::Model(problem))
    }
}

/// How the latest reload went; shown by `/policy`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReloadStatus {
    /// Reloads tried since the start.
    pub attempts: u64,
    /// Generation that serves.
    pub generation: u64,
    /// Whether the latest try worked; true before the first.
    pub last_succeeded: bool,
    /// Why it did not.
    pub last_error: Option<String>,
}

/// Metrics that a reload touches.
#[derive(Clone, Debug)]
pub struct ReloadMetrics {
    /// Of requests: series of departed routes are removed.
    pub proxy: ProxyMetrics,
    /// Of reloads.
    pub control: ControlMetrics,
    /// Of registries.
    pub registries: RegistryMetrics,
}

/// Replaces the topology.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    foundation: Foundation,
    loader: Loader,
    shared: SharedTopology,
    metrics: ReloadMetrics,
    access_log: AccessLog,
    status: Mutex<ReloadStatus>,
    /// Held while a topology takes over, and while somebody scrapes.
    steady: Mutex<()>,
}

impl Reloader {
    /// Reloads `path` into `shared`.
    pub fn new(
        path: PathBuf,
        foundation: Foundation,
        loader: Loader,
        shared: SharedTopology,
        metrics: ReloadMetrics,
        access_log: AccessLog,
    ) -> Self {
        let generation = shared.load().generation();
        let status = ReloadStatus {
            generation,
            last_succeeded: true,
            ..ReloadStatus::default()
        };
        Self {
            path,
            foundation,
            loader,
            shared,
            metrics,
            access_log,
            status: Mutex::new(status),
            steady: Mutex::new(()),
        }
    }

    /// How the latest reload went.
    pub fn status(&self) -> ReloadStatus {
        self.lock_status().clone()
    }

    /// Scrapes metrics of one generation: `read` gets the topology that serves, the gauges
    /// that are set on demand are up to date, and no reload takes over meanwhile.
    pub fn scrape<T>(&self, read: impl FnOnce(&Topology) -> T) -> T {
        let _steady = self.lock_steady();
        let registries = self.foundation.sources.registries();
        self.metrics.registries.show(&registries);
        read(&self.shared.load())
    }

    /// Primes the feeds of the first topology and starts them.
    pub(super) async fn start(&self, feeds: Vec<Arc<Feed>>) -> JoinSet<()> {
        prime(&feeds).await;
        let topology = self.shared.load_full();
        self.keep_sources(&feeds);
        self.announce(&topology);
        start(&feeds)
    }

    /// Says whether the start found every newest model servable.
    pub fn note_first_models(&self, models: &ModelBook) {
        let all_newest = models.skipped().is_empty();
        self.metrics.control.models_found(all_newest);
    }

    /// One reload. On success `tasks` are those of the new topology.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub(super) async fn reload(&self, tasks: &mut JoinSet<()>) -> Result<u64, ReloadError> {
        let result = self.replace(tasks).await;
        let mut status = self.lock_status();
        status.attempts += 1;
        status.last_succeeded = result.is_ok();
        status.last_error = result.as_ref().err().map(ToString::to_string);
        if let Ok(generation) = result {
            status.generation = generation;
        }
        drop(status);
        self.metrics.control.reloaded(&result);
        match &result {
            Ok(generation) => log::info!("configuration reloaded generation={generation}"),
            Err(error) => log::error!("reload refused, everything keeps running error=\"{error}\""),
        }
        result
    }

    async fn replace(&self, tasks: &mut JoinSet<()>) -> Result<u64, ReloadError> {
        let old = self.shared.load_full();
        let (config, models) = self.load(&old).await?;
        let generation = old.generation() + 1;
        let (topology, feeds) = build(&self.foundation, Arc::new(config), &models, generation)?;
        // The serving topology must not sweep out endpoints that only the new one has.
        let held = self.foundation.table.hold();
        // Primed before the swap: no request meets a topology without endpoints.
        prime(&feeds).await;
        // Ended before the swap, for the same reason.
        tasks.shutdown().await;
        drop(held);
        *tasks = self.take_over(&old, topology, &feeds);
        models.log_changes();
        self.metrics
            .control
            .models_loaded(models.skipped().is_empty());
        Ok(generation)
    }

    /// Swaps the topology in, with everything that tells of it. Returns the tasks of `feeds`.
    fn take_over(&self, old: &Topology, new: Topology, feeds: &[Arc<Feed>]) -> JoinSet<()> {
        let _steady = self.lock_steady();
        let new = Arc::new(new);
        self.shared.store(Arc::clone(&new));
        self.keep_sources(feeds);
        self.forget_departed(old, &new);
        self.announce(&new);
        start(feeds)
    }

    /// Reads file and models on the thread for it.
    async fn load(&self, old: &Arc<Topology>) -> Result<(Config, ModelBook), ReloadError> {
        let (path, old) = (self.path.clone(), Arc::clone(old));
        let loading = self.loader.run(move || {
            let mut config = config::load(&path, &|name| std::env::var(name).ok())?;
            if let Some(key) = config::changed_boot_key(&old.config().boot, &config.boot) {
                return Err(ReloadError::Boot {
                    file: config.source,
                    key,
                });
            }
            // What was found at start goes on, such as the number of processors.
            config.boot = old.config().boot.clone();
            let models = ModelBook::reload(&config, old.balancers())?;
            Ok((config, models))
        });
        loading.await?
    }

    fn keep_sources(&self, feeds: &[Arc<Feed>]) {
        self.foundation
            .sources
            .keep(feeds.iter().map(|feed| feed.cluster_and_source()));
    }

    /// Removes telemetry and series of what only the old topology had.
    fn forget_departed(&self, old: &Topology, new: &Topology) {
        let names: Vec<_> = new
            .balancers()
            .iter()
            .map(|balancer| balancer.cluster().name())
            .collect();
        self.foundation.table.retain_clusters(&names);
        for balancer in new.balancers() {
            balancer.cluster().forget_departed();
        }
        for balancer in old.balancers() {
            let (cluster, policy) = (balancer.cluster().name(), balancer.policy_name());
            let same = |other: &&Arc<crate::balance::Balancer>| other.cluster().name() == cluster;
            match new.balancers().iter().find(same) {
                Some(other) if other.policy_name() == policy => {}
                Some(_) => self.foundation.balance_metrics.forget(cluster, policy),
                None => {
                    self.foundation.balance_metrics.forget(cluster, policy);
                    self.foundation.balance_metrics.forget_cluster(cluster);
                }
            }
        }
        self.metrics.proxy.forget_departed(old, new);
    }

    /// Tells metrics and logs what serves now.
    fn announce(&self, topology: &Topology) {
        self.foundation.balance_metrics.reset_info();
        for balancer in topology.balancers() {
            let model = balancer.model().map(AsRef::as_ref);
            self.foundation.balance_metrics.set_info(
                balancer.cluster().name(),
                balancer.policy_name(),
                model,
            );
        }
        self.metrics.proxy.announce(topology);
        self.metrics.control.serving(topology.generation());
        let runtime = &topology.config().runtime;
        self.access_log.set_target(&runtime.access_log);
        self.foundation
            .decision_log
            .configure(runtime.decision_log.as_ref());
    }

    fn lock_steady(&self) -> std::sync::MutexGuard<'_, ()> {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_status(&self) -> std::sync::MutexGuard<'_, ReloadStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn prime(feeds: &[Arc<Feed>]) {
    let mut passes = JoinSet::new();
    for feed in feeds {
        let feed = Arc::clone(feed);
        passes.spawn(async move { feed.prime().await });
    }
    while passes.join_next().await.is_some() {}
}

fn start(feeds: &[Arc<Feed>]) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    feeds.iter().for_each(|feed| feed.start(&mut tasks));
    tasks
}
