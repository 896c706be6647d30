//! Models and policies of one configuration. Loading reads files and measures: never on a
//! thread that serves requests.

use super::Balancer;
use crate::{clock, config};
use lb_policy::{
    model::{LoadOptions, Loaded, Model, ModelError, RuntimeChoice, load_folder},
    policies::{self, Choices, LoadSource, OnnxSettings, Policy, PolicyConfig, Scoring},
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
        source: Box<ModelError>,
    },
    /// The running version or a newer one cannot be served, and there is nothing newer to take
    /// over.
    #[error(
        "cluster {cluster}: policy.model: {} (still serving version {running})",
        problems.join("; ")
    )]
    NewerIsBroken {
        /// Name of the cluster.
        cluster: String,
        /// Version that serves.
        running: u64,
        /// File and cause, newest first.
        problems: Vec<String>,
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
    /// As [`ModelBook::load`]; also when the running version or newer ones are broken and none
    /// newer can take over: the operator must hear of it.
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
                    source: Box::new(source),
                }
            })?;
            let serving = running
                .iter()
                .find(|balancer| balancer.cluster().name() == cluster.name);
            let serving = serving.and_then(|balancer| balancer.model());
            refuse_if_nothing_newer(cluster, onnx, &loaded, serving)?;
            book.add(cluster, loaded, serving);
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

    fn add(&mut self, cluster: &config::Cluster, loaded: Loaded, running: Option<&Arc<Model>>) {
        let Loaded { model, skipped } = loaded;
        let same = running
            .filter(|old| old.sha256() == model.sha256() && old.runtime() == model.runtime());
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
    }
}

/// A broken version is no reason to go back to an older one than `running`: somebody has just
/// deployed it, or the running one was damaged. Removing versions is how to go back.
fn refuse_if_nothing_newer(
    cluster: &config::Cluster,
    onnx: &config::OnnxPolicy,
    loaded: &Loaded,
    running: Option<&Arc<Model>>,
) -> Result<(), ModelProblem> {
    // Versions of another folder have nothing to do with the running one.
    let running = running.filter(|old| old.path().parent() == Some(&onnx.model));
    let nothing_newer = running.filter(|old| loaded.model.version() <= old.version());
    match nothing_newer {
        Some(old) if !loaded.skipped.is_empty() => Err(ModelProblem::NewerIsBroken {
            cluster: cluster.name.clone(),
            running: old.version(),
            problems: loaded.skipped.iter().map(ToString::to_string).collect(),
        }),
        _ => Ok(()),
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
        exploration_range: onnx.exploration_range as f32,
        saturation_errors: onnx.saturation_errors as f32,
    }
}

fn plain_config(settings: &config::Policy) -> PolicyConfig {
    match settings {
        config::Policy::RoundRobin => PolicyConfig::RoundRobin,
        config::Policy::Random => PolicyConfig::Random,
        config::Policy::LeastRequest {
            choices,
            load,
            error_factor,
        } => PolicyConfig::LeastRequest {
            choices: compared(*choices),
            load: match load {
                config::LoadSource::Own => LoadSource::Own,
                config::LoadSource::Reported => LoadSource::Reported,
            },
            error_factor: *error_factor as f32,
        },
        config::Policy::PeakEwma {
            choices,
            error_factor,
        } => PolicyConfig::PeakEwma {
            choices: compared(*choices),
            error_factor: *error_factor as f32,
        },
        // A configuration with `onnx` has its model loaded by now; without one the policy that
        // is the default fallback answers.
        config::Policy::Onnx(_) => PolicyConfig::PEAK_EWMA,
        config::Policy::ShortestExpectedDelay => PolicyConfig::ShortestExpectedDelay,
        config::Policy::ClientSideWeightedRoundRobin => PolicyConfig::ClientSideWeightedRoundRobin,
        config::Policy::Prequal { quantile } => PolicyConfig::Prequal {
            quantile: *quantile as f32,
        },
        config::Policy::C3 { error_factor } => PolicyConfig::C3 {
            balancers: 1,
            error_factor: *error_factor as f32,
        },
        config::Policy::RingHash { .. } => PolicyConfig::RingHash,
    }
}

fn compared(choices: config::Choices) -> Choices {
    match choices {
        config::Choices::Two => Choices::TWO,
        config::Choices::All => Choices::All,
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
