//! Models and policies of one configuration. Loading reads files and measures: never on a
//! thread that serves requests.

use super::Balancer;
use crate::{clock, config};
use lb_policy::{
    model::{LoadOptions, Loaded, Model, ModelError, RuntimeChoice, load_folder},
    policies::{self, Choices, OnnxSettings, Policy, PolicyConfig, Scoring},
};
use std::{collections::HashMap, sync::Arc};

/// Why a model that the configuration names cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ModelProblem {
    /// No version passes.
    #[error("cluster {cluster}: policy.model: {source}")]
    Unusable {
        /// Name of the cluster.
        cluster: String,
        /// File and cause.
        source: ModelError,
    },
    /// A newer version is there but cannot be served, and there is nothing newer to take over.
    #[error(
        "cluster {cluster}: policy.model: {} (still serving version {running})",
        list(problems)
    )]
    NewerIsBroken {
        /// Name of the cluster.
        cluster: String,
        /// Version that serves.
        running: u64,
        /// File and cause, newest first.
        problems: Vec<ModelError>,
    },
}

/// The models of one configuration, by cluster.
#[derive(Debug, Default)]
pub struct ModelBook {
    by_cluster: HashMap<String, Arc<Model>>,
    skipped: Vec<String>,
    changes: Vec<String>,
}

impl ModelBook {
    /// Loads every model of `config` for a start.
    ///
    /// # Errors
    /// When a cluster's model folder has no version that passes every check.
    pub fn load(config: &config::Config) -> Result<Self, ModelProblem> {
        Self::reload(config, &[])
    }

    /// Loads every model of `config`; those that already serve in `running` are kept.
    ///
    /// # Errors
    /// As [`ModelBook::load`]; also when versions newer than the running one are broken and
    /// none of them can take over: the operator must hear of it.
    pub fn reload(
        config: &config::Config,
        running: &[Arc<Balancer>],
    ) -> Result<Self, ModelProblem> {
        let mut book = Self::default();
        for cluster in &config.runtime.clusters {
            let config::Policy::Onnx(onnx) = &cluster.policy else {
                continue;
            };
            let loaded = load_folder(&onnx.model, &options(config, onnx)).map_err(|source| {
                ModelProblem::Unusable {
                    cluster: cluster.name.clone(),
                    source,
                }
            })?;
            let serving = running
                .iter()
                .find(|balancer| balancer.cluster().name() == cluster.name);
            book.add(
                cluster,
                loaded,
                serving.and_then(|balancer| balancer.model()),
            )?;
        }
        Ok(book)
    }

    /// The model of a cluster whose policy has one.
    pub fn of_cluster(&self, cluster: &str) -> Option<Arc<Model>> {
        self.by_cluster.get(cluster).cloned()
    }

    /// Newer versions that were passed over, each with file and cause.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Logs what this book changed against the models that ran before.
    pub fn log_changes(&self) {
        self.changes
            .iter()
            .for_each(|change| log::info!("{change}"));
        self.skipped
            .iter()
            .for_each(|problem| log::error!("model version passed over {problem}"));
    }

    fn add(
        &mut self,
        cluster: &config::Cluster,
        loaded: Loaded,
        running: Option<&Arc<Model>>,
    ) -> Result<(), ModelProblem> {
        let Loaded { model, skipped } = loaded;
        let same = running
            .filter(|old| old.sha256() == model.sha256() && old.runtime() == model.runtime());
        if let Some(old) = same.filter(|_| !skipped.is_empty()) {
            let (cluster, running) = (cluster.name.clone(), old.version());
            return Err(ModelProblem::NewerIsBroken {
                cluster,
                running,
                problems: skipped,
            });
        }
        self.skipped.extend(
            skipped
                .iter()
                .map(|problem| format!("cluster={} error=\"{problem}\"", cluster.name)),
        );
        if same.is_none() {
            self.changes
                .push(change(&cluster.name, running.map(AsRef::as_ref), &model));
        }
        // The running one keeps its place in memory and its warm sessions.
        self.by_cluster
            .insert(cluster.name.clone(), same.map_or(model, Arc::clone));
        Ok(())
    }
}

/// The policy that `settings` describe; `model` is there where they name one.
pub(super) fn build_policy(
    settings: &config::Policy,
    model: Option<Arc<Model>>,
) -> Box<dyn Policy> {
    match (settings, model) {
        (config::Policy::Onnx(onnx), Some(model)) => {
            let fallback = build_policy(&onnx.fallback, None);
            Box::new(policies::Onnx::new(model, onnx_settings(onnx), fallback))
        }
        (plain, _) => policies::build(&plain_config(plain)),
    }
}

fn onnx_settings(onnx: &config::OnnxPolicy) -> OnnxSettings {
    OnnxSettings {
        scoring: match onnx.scoring {
            config::Scoring::PerRequest => Scoring::PerRequest,
            config::Scoring::Interval(interval) => Scoring::Interval(interval),
        },
        share_cap: onnx.share_cap as f32,
        exploration: onnx.exploration as f32,
    }
}

fn plain_config(settings: &config::Policy) -> PolicyConfig {
    match settings {
        config::Policy::RoundRobin => PolicyConfig::RoundRobin,
        config::Policy::Random => PolicyConfig::Random,
        config::Policy::LeastRequest { choices } => PolicyConfig::LeastRequest {
            choices: match choices {
                config::Choices::Two => Choices::TWO,
                config::Choices::All => Choices::All,
            },
        },
        // A configuration with `onnx` has its model loaded by now; without one the policy that
        // is the default fallback answers.
        config::Policy::PeakEwma | config::Policy::Onnx(_) => PolicyConfig::PeakEwma,
        config::Policy::Prequal { quantile } => PolicyConfig::Prequal {
            quantile: *quantile as f32,
        },
        config::Policy::C3 => PolicyConfig::C3,
        config::Policy::RingHash { .. } => PolicyConfig::RingHash,
    }
}

fn options(config: &config::Config, onnx: &config::OnnxPolicy) -> LoadOptions {
    LoadOptions {
        runtime: match onnx.runtime {
            config::ModelRuntime::Auto => RuntimeChoice::Auto,
            config::ModelRuntime::Native => RuntimeChoice::Native,
            config::ModelRuntime::OnnxRuntime => RuntimeChoice::OnnxRuntime,
        },
        library: config.runtime.model_library.clone(),
        // One for each worker of each listener.
        sessions: config.boot.threads * config.boot.listeners.len(),
        budget: match onnx.scoring {
            config::Scoring::PerRequest => Some(onnx.score_budget),
            config::Scoring::Interval(_) => None,
        },
        clock: clock::since_unix_epoch,
    }
}

fn change(cluster: &str, old: Option<&Model>, new: &Model) -> String {
    format!(
        "model takes over cluster={cluster} name={} version={} runtime={} sha256={} previous={}",
        new.name(),
        new.version(),
        new.runtime().as_str(),
        new.sha256(),
        old.map_or("-", Model::sha256),
    )
}

fn list(problems: &[ModelError]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
