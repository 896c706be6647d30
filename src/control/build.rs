//! From a configuration to a topology and the feeds of its clusters.

use super::{
    feed::{Feed, Watch},
    sources::SourceBook,
};
use crate::{
    balance::{BalanceMetrics, Balancer, ModelBook, ModelProblem},
    clock::Clock,
    config::{self, Config},
    decision_log::DecisionLog,
    discovery::DiscoveryError,
    health::Checker,
    topology::Topology,
    upstream::{Cluster, MemberTable},
};
use std::sync::Arc;

/// What outlives topologies and every one of them is built with.
#[derive(Clone, Debug)]
pub struct Foundation {
    /// Time.
    pub clock: Clock,
    /// Endpoints and their telemetry.
    pub table: Arc<MemberTable>,
    /// Sources of endpoints.
    pub sources: Arc<SourceBook>,
    /// Metrics of decisions.
    pub balance_metrics: BalanceMetrics,
    /// Where sampled decisions go.
    pub decision_log: DecisionLog,
}

/// Why a configuration cannot be put to work.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A model cannot be served.
    #[error(transparent)]
    Model(#[from] ModelProblem),
    /// A health check cannot be made.
    #[error("cluster {cluster}: health_check: {problem}")]
    HealthCheck {
        /// Name of the cluster.
        cluster: String,
        /// What is wrong.
        problem: String,
    },
    /// A source cannot be made.
    #[error("cluster {cluster}: discovery: {problem}")]
    Discovery {
        /// Name of the cluster.
        cluster: String,
        /// What is wrong.
        problem: DiscoveryError,
    },
}

/// Builds generation `generation` of the topology. Its clusters are empty until the feeds
/// are primed.
///
/// # Errors
/// When a health check or a source cannot be made; nothing that runs is touched.
pub fn build(
    foundation: &Foundation,
    config: Arc<Config>,
    models: &ModelBook,
    generation: u64,
) -> Result<(Topology, Vec<Arc<Feed>>), BuildError> {
    // Everything that can fail comes first: making a cluster makes metric series.
    let clusters = config.runtime.clusters.iter();
    let watches = clusters.map(|settings| watch(foundation, settings));
    let watches = watches.collect::<Result<Vec<_>, _>>()?;
    let mut balancers = Vec::new();
    let mut feeds = Vec::new();
    for (settings, watch) in config.runtime.clusters.iter().zip(watches) {
        let balancer = Arc::new(balancer(foundation, settings, models));
        feeds.push(Arc::new(Feed::new(
            Arc::clone(&balancer),
            watch,
            foundation.clock,
        )));
        balancers.push(balancer);
    }
    Ok((Topology::new(generation, config, balancers), feeds))
}

fn balancer(foundation: &Foundation, settings: &config::Cluster, models: &ModelBook) -> Balancer {
    let table = Arc::clone(&foundation.table);
    let cluster = Arc::new(Cluster::new(settings.clone(), table));
    let model = models.of_cluster(&settings.name);
    Balancer::new(
        cluster,
        model,
        foundation.clock,
        &foundation.balance_metrics,
        foundation.decision_log.clone(),
    )
}

fn watch(foundation: &Foundation, settings: &config::Cluster) -> Result<Watch, BuildError> {
    let cluster = || settings.name.clone();
    let checker = settings
        .health_check
        .as_ref()
        .map(|check| Checker::new(check, &settings.name))
        .transpose();
    let checker = checker.map_err(|error| BuildError::HealthCheck {
        cluster: cluster(),
        problem: error.to_string(),
    })?;
    let source = foundation.sources.source(settings);
    let (source, source_is_known) = source.map_err(|problem| BuildError::Discovery {
        cluster: cluster(),
        problem,
    })?;
    Ok(Watch {
        source,
        source_is_known,
        checker,
    })
}
