//! Loads one version of a model: read, compare checksums, compare the schema, build a runtime,
//! reproduce the test vectors, keep the time budget. The first failure ends it.

use super::{
    error::ModelError,
    graph::Graph,
    manifest::{MANIFEST, MODEL, Manifest, PARITY},
    measure::fastest,
    native::Native,
    parity::Parity,
    scorer::{ScoreError, Scorer, Workspace},
};
use crate::{
    features::{CONTEXT, schema_id},
    time::Timestamp,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// Size of a graph at most.
const MAX_MODEL_BYTES: u64 = 64 << 20;
/// Size of the test vectors at most.
const MAX_PARITY_BYTES: u64 = 16 << 20;
/// Candidates at which the budget must be kept.
const BUDGET_CANDIDATES: usize = 32;

/// How models are to be loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Which runtime may score.
    pub runtime: RuntimeChoice,
    /// The ONNX Runtime library. `None`: `ORT_DYLIB_PATH`, else `libonnxruntime.so` where the
    /// system finds it.
    pub library: Option<PathBuf>,
    /// Threads that may score at the same time in ONNX Runtime, at least 1.
    pub sessions: usize,
    /// Longest time that scoring 32 candidates may take; `None` where it runs off the hot path.
    pub budget: Option<Duration>,
    /// The clock that the budget is measured by.
    pub clock: fn() -> Timestamp,
}

impl LoadOptions {
    /// Any runtime, one session, no budget.
    pub fn new(clock: fn() -> Timestamp) -> Self {
        Self {
            runtime: RuntimeChoice::Auto,
            library: None,
            sessions: 1,
            budget: None,
            clock,
        }
    }
}

/// Which runtime may score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// The native one where it can run the graph, else ONNX Runtime.
    #[default]
    Auto,
    /// Only the native one.
    Native,
    /// Only ONNX Runtime.
    OnnxRuntime,
}

/// The runtime that scores for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// Compiled into plain loops.
    Native,
    /// The library.
    OnnxRuntime,
}

impl Runtime {
    /// Its name in configuration, metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::OnnxRuntime => "onnxruntime",
        }
    }
}

/// A model that passed every check.
#[derive(Debug)]
pub struct Model {
    manifest: Manifest,
    sha256: String,
    path: PathBuf,
    engine: Engine,
}

impl Model {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Its version, as the manifest numbers it.
    pub fn version(&self) -> u64 {
        self.manifest.version
    }

    /// sha256 of the graph, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Feature schema it was made for, which is the one of this build.
    pub fn schema(&self) -> &str {
        &self.manifest.schema
    }

    /// The runtime that scores.
    pub fn runtime(&self) -> Runtime {
        self.engine.runtime
    }

    /// Why the native runtime was passed over, where it was tried and ONNX Runtime scores.
    pub fn native_refusal(&self) -> Option<&str> {
        self.engine.native_refusal.as_deref()
    }

    /// How the weights came about.
    pub fn training(&self) -> &str {
        &self.manifest.training
    }

    /// Smallest and largest value of each feature in training, by the feature's name; empty
    /// when nothing was trained.
    pub fn ranges(&self) -> &BTreeMap<String, [f32; 2]> {
        &self.manifest.ranges
    }

    /// Folder of this version.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Scorer for Model {
    fn score(
        &self,
        rows: &[f32],
        context: &[f32; CONTEXT],
        costs: &mut [f32],
        workspace: &mut Workspace,
    ) -> Result<(), ScoreError> {
        self.engine.scorer.score(rows, context, costs, workspace)
    }
}

/// Loads the version in `dir`.
///
/// # Errors
/// Any check that fails; see [`ModelError`].
pub fn load_version(dir: &Path, options: &LoadOptions) -> Result<Model, ModelError> {
    let manifest = Manifest::read(dir)?;
    let (bytes, sha256) = manifest.read_file(dir, MODEL, MAX_MODEL_BYTES)?;
    let (vectors, _) = manifest.read_file(dir, PARITY, MAX_PARITY_BYTES)?;
    check_schema(&dir.join(MANIFEST), &manifest.schema)?;

    let path = dir.join(MODEL);
    let graph = Graph::read(&bytes).map_err(|source| ModelError::Contract {
        path: path.clone(),
        source,
    })?;
    check_schema(&path, &graph.metadata.schema)?;
    check_agreement(&path, &manifest, &graph)?;

    let parity = Parity::parse(&vectors).map_err(|reason| ModelError::Vectors {
        path: dir.join(PARITY),
        reason,
    })?;
    let engine =
        Engine::build(&bytes, &graph, &parity, options).map_err(|reason| ModelError::Runtime {
            path: path.clone(),
            reason,
        })?;
    if let Some(budget) = options.budget {
        engine.check_budget(path, budget, options.clock)?;
    }
    Ok(Model {
        manifest,
        sha256,
        path: dir.to_owned(),
        engine,
    })
}

fn check_schema(path: &Path, found: &str) -> Result<(), ModelError> {
    if found == schema_id() {
        return Ok(());
    }
    Err(ModelError::Schema {
        path: path.to_owned(),
        expected: schema_id().to_owned(),
        found: found.to_owned(),
    })
}

fn check_agreement(path: &Path, manifest: &Manifest, graph: &Graph<'_>) -> Result<(), ModelError> {
    let metadata = &graph.metadata;
    for (key, expected, found) in [
        ("lb.name", &manifest.name, &metadata.name),
        (
            "lb.version",
            &manifest.version.to_string(),
            &metadata.version,
        ),
        ("lb.training", &manifest.training, &metadata.training),
    ] {
        if expected != found {
            let (expected, found) = (expected.clone(), found.clone());
            return Err(ModelError::Disagrees {
                path: path.to_owned(),
                key,
                expected,
                found,
            });
        }
    }
    Ok(())
}

/// A runtime with the model in it.
#[derive(Debug)]
struct Engine {
    runtime: Runtime,
    scorer: Box<dyn Scorer>,
    native_refusal: Option<String>,
}

impl Engine {
    /// The first permitted runtime that reproduces the test vectors; else the reasons of all.
    fn build(
        bytes: &[u8],
        graph: &Graph<'_>,
        parity: &Parity,
        options: &LoadOptions,
    ) -> Result<Self, String> {
        let native = || Self::native(graph, parity);
        let library = || Self::library(bytes, parity, options);
        match options.runtime {
            RuntimeChoice::Native => native(),
            RuntimeChoice::OnnxRuntime => library(),
            RuntimeChoice::Auto => native().or_else(|refusal| match library() {
                Ok(engine) => Ok(Self {
                    native_refusal: Some(refusal),
                    ..engine
                }),
                Err(other) => Err(format!("{refusal}; {other}")),
            }),
        }
    }

    fn native(graph: &Graph<'_>, parity: &Parity) -> Result<Self, String> {
        let build = || -> Result<Native, String> {
            let native = Native::compile(graph).map_err(|refusal| refusal.to_string())?;
            parity.check(&native)?;
            Ok(native)
        };
        let scorer = build().map_err(|reason| format!("native runtime: {reason}"))?;
        Ok(Self {
            runtime: Runtime::Native,
            scorer: Box::new(scorer),
            native_refusal: None,
        })
    }

    fn library(bytes: &[u8], parity: &Parity, options: &LoadOptions) -> Result<Self, String> {
        let build = || -> Result<Box<dyn Scorer>, String> {
            let scorer = library_scorer(bytes, options)?;
            parity.check(scorer.as_ref())?;
            Ok(scorer)
        };
        let scorer = build().map_err(|reason| format!("ONNX Runtime: {reason}"))?;
        Ok(Self {
            runtime: Runtime::OnnxRuntime,
            scorer,
            native_refusal: None,
        })
    }

    fn check_budget(
        &self,
        path: PathBuf,
        budget: Duration,
        clock: fn() -> Timestamp,
    ) -> Result<(), ModelError> {
        let runtime = self.runtime.as_str();
        let measured = match fastest(self.scorer.as_ref(), clock, BUDGET_CANDIDATES, budget) {
            Ok(measured) => measured,
            Err(error) => {
                return Err(ModelError::Runtime {
                    path,
                    reason: format!("{runtime}: {error}"),
                });
            }
        };
        if measured <= budget {
            return Ok(());
        }
        Err(ModelError::Budget {
            path,
            runtime,
            measured,
            budget,
        })
    }
}

#[cfg(feature = "onnxruntime")]
fn library_scorer(bytes: &[u8], options: &LoadOptions) -> Result<Box<dyn Scorer>, String> {
    use super::onnxruntime::OnnxRuntime;
    let library = options.library.as_deref();
    match OnnxRuntime::build(bytes, library, options.sessions) {
        Ok(scorer) => Ok(Box::new(scorer)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(feature = "onnxruntime"))]
fn library_scorer(_bytes: &[u8], _options: &LoadOptions) -> Result<Box<dyn Scorer>, String> {
    Err("this build was made without the feature `onnxruntime`".to_owned())
}
