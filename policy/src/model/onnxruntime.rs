//! ONNX Runtime, from a library loaded on demand. The only file that names `ort`.
//!
//! `ort` panics when any other of its functions comes before a successful `init_from`, hence
//! everything starts at [`environment`].

use super::{
    graph::{CANDIDATES, CONTEXT_INPUT, COST},
    scorer::{ScoreError, Scorer, Workspace, check_lengths},
};
use crate::features::{CONTEXT, FEATURES};
use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};
use std::{
    env, fmt,
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Names the library when the configuration does not.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Looked up by the system when nothing names the library.
const DEFAULT_LIBRARY: &str = "libonnxruntime.so";

/// A model in ONNX Runtime.
pub(super) struct OnnxRuntime {
    /// Idle sessions: running one needs exclusive access.
    sessions: Mutex<Vec<Session>>,
    count: usize,
}

/// Why ONNX Runtime does not serve a model.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    /// No usable library.
    #[error("library {}: {reason}", path.display())]
    Library {
        /// What was tried.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The process has a library, and can have only one.
    #[error(
        "library {} is in use; a change to {} needs a restart",
        used.display(), wanted.display()
    )]
    OtherLibrary {
        /// The one in use.
        used: PathBuf,
        /// The one asked for.
        wanted: PathBuf,
    },
    /// The library refuses the graph.
    #[error("{0}")]
    Graph(String),
}

impl OnnxRuntime {
    /// Makes `sessions` sessions, at least one, and runs each once so that the first request
    /// does not pay for its buffers.
    pub(super) fn build(
        bytes: &[u8],
        library: Option<&Path>,
        sessions: usize,
    ) -> Result<Self, BuildError> {
        let environment = environment(library)?;
        let count = sessions.max(1);
        let mut pool = Vec::with_capacity(count);
        for _ in 0..count {
            let mut session = session(&environment, bytes).map_err(BuildError::Graph)?;
            run(&mut session, &[0.0; FEATURES], &[0.0; CONTEXT], &mut [0.0])
                .map_err(BuildError::Graph)?;
            pool.push(session);
        }
        Ok(Self {
            sessions: Mutex::new(pool),
            count,
        })
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        // A panic while the lock is held cannot leave the list half changed.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scorer for OnnxRuntime {
    fn score(
        &self,
        rows: &[f32],
        context: &[f32; CONTEXT],
        costs: &mut [f32],
        _workspace: &mut Workspace,
    ) -> Result<(), ScoreError> {
        check_lengths(rows, costs)?;
        if costs.is_empty() {
            return Ok(());
        }
        let mut session = self.pool().pop().ok_or(ScoreError::Busy(self.count))?;
        let result = run(&mut session, rows, context, costs);
        self.pool().push(session);
        result.map_err(ScoreError::Runtime)
    }
}

impl fmt::Debug for OnnxRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxRuntime")
            .field("sessions", &self.count)
            .finish_non_exhaustive()
    }
}

fn run(
    session: &mut Session,
    rows: &[f32],
    context: &[f32; CONTEXT],
    costs: &mut [f32],
) -> Result<(), String> {
    let candidates = TensorRef::from_array_view(([costs.len(), FEATURES], rows)).map_err(text)?;
    let context = TensorRef::from_array_view(([1, CONTEXT], &context[..])).map_err(text)?;
    let inputs = ort::inputs![CANDIDATES => candidates, CONTEXT_INPUT => context];
    let outputs = session.run(inputs).map_err(text)?;
    let output = outputs.get(COST).ok_or("no output \"cost\"")?;
    let (shape, values) = output.try_extract_tensor::<f32>().map_err(text)?;
    if values.len() != costs.len() {
        return Err(format!(
            "cost of shape {shape:?} for {} candidates",
            costs.len()
        ));
    }
    costs.copy_from_slice(values);
    Ok(())
}

fn session(environment: &Environment, bytes: &[u8]) -> Result<Session, String> {
    // One thread and no spinning: the calling worker does the work, and an idle model costs
    // nothing.
    Session::builder(environment)
        .map_err(text)?
        .with_intra_threads(1)
        .map_err(text)?
        .with_inter_threads(1)
        .map_err(text)?
        .with_intra_op_spinning(false)
        .map_err(text)?
        .with_inter_op_spinning(false)
        .map_err(text)?
        .with_optimization_level(GraphOptimizationLevel::Level3)
        .map_err(text)?
        .commit_from_memory(bytes)
        .map_err(text)
}

/// The library in use. A global, because `ort` itself keeps one library and one environment per
/// process and refuses a second.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The environment of the library at `wanted`, which is loaded once. A failure is not kept, so
/// that a reload may succeed after the library was installed.
fn environment(wanted: Option<&Path>) -> Result<Environment, BuildError> {
    let wanted = library_path(wanted);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*loaded {
        Some((used, environment)) if *used == wanted => Ok(environment.clone()),
        Some((used, _)) => Err(BuildError::OtherLibrary {
            used: used.clone(),
            wanted,
        }),
        None => {
            let environment = load(&wanted).map_err(|reason| BuildError::Library {
                path: wanted.clone(),
                reason,
            })?;
            *loaded = Some((wanted, environment.clone()));
            Ok(environment)
        }
    }
}

fn library_path(wanted: Option<&Path>) -> PathBuf {
    let named = wanted.map(Path::to_owned).or_else(|| {
        let variable = env::var_os(LIBRARY_VARIABLE)?;
        (!variable.is_empty()).then(|| PathBuf::from(variable))
    });
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_LIBRARY));
    let is_bare_name = path.components().count() == 1;
    // Relative to the working directory; `ort` would start from the executable's folder. A bare
    // name is for the system's own search.
    if is_bare_name {
        path
    } else {
        std::path::absolute(&path).unwrap_or(path)
    }
}

fn load(path: &Path) -> Result<Environment, String> {
    // A foreign library can make `ort` panic on what it finds there.
    let attempt = catch_unwind(|| -> Result<Environment, String> {
        let builder = ort::init_from(path).map_err(|error| load_error(&error))?;
        let builder = builder.with_name("ai-loadbalancer").with_telemetry(false);
        let environment = builder
            .with_logger(Arc::new(log_line))
            .build()
            .map_err(text)?;
        environment.set_log_level(LogLevel::Warning);
        Ok(environment)
    });
    attempt.unwrap_or_else(|_| Err("it is not a usable ONNX Runtime".to_owned()))
}

fn load_error(error: &ort::LoadDynamicError) -> String {
    use std::error::Error as _;
    match error {
        // Its own text leaves out what the system's loader said.
        ort::LoadDynamicError::Dlopen { error, .. } => match error.source() {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        },
        other => other.to_string(),
    }
}

fn log_line(level: LogLevel, category: &str, _id: &str, _location: &str, message: &str) {
    let level = match level {
        LogLevel::Verbose => log::Level::Trace,
        LogLevel::Info => log::Level::Debug,
        LogLevel::Warning => log::Level::Warn,
        LogLevel::Error | LogLevel::Fatal => log::Level::Error,
    };
    log::log!(level, "onnx runtime, {category}: {message}");
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
