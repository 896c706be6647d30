//! `model check` and `model schema`: what an author of models needs to know before the proxy
//! is asked to serve one.

use crate::clock;
use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use lb_policy::{
    features,
    model::{LoadOptions, Loaded, Model, RuntimeChoice, load_folder, measure},
};
use serde::Serialize;
use std::{io::Write, path::PathBuf};

/// Numbers of candidates at which scoring is timed.
const MEASURED_CANDIDATES: [usize; 3] = [2, 8, 32];

/// Arguments of `model check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Model folder with numbered versions, or one version.
    dir: PathBuf,
    /// Runtime that must be able to serve it.
    #[arg(long, value_enum, default_value = "auto")]
    runtime: RuntimeArg,
    /// ONNX Runtime library; else `ORT_DYLIB_PATH`, else the system's.
    #[arg(long)]
    library: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RuntimeArg {
    Auto,
    Native,
    Onnxruntime,
}

#[derive(Serialize)]
struct Found<'a> {
    name: &'a str,
    version: u64,
    sha256: &'a str,
    schema: &'a str,
    training: &'a str,
    runtime: &'static str,
    native_refusal: Option<&'a str>,
    path: String,
    microseconds_per_score: Vec<Timing>,
}

#[derive(Serialize)]
struct Timing {
    candidates: usize,
    microseconds: f64,
}

/// Checks a model folder and prints what would be served.
///
/// # Errors
/// When no version can be served, or a newer one than the printed cannot.
pub fn check_model(args: &CheckArgs, out: &mut impl Write) -> Result<()> {
    let options = LoadOptions {
        runtime: match args.runtime {
            RuntimeArg::Auto => RuntimeChoice::Auto,
            RuntimeArg::Native => RuntimeChoice::Native,
            RuntimeArg::Onnxruntime => RuntimeChoice::OnnxRuntime,
        },
        library: args.library.clone(),
        ..LoadOptions::new(clock::since_unix_epoch)
    };
    // Its text tells the causes already.
    let loaded = load_folder(&args.dir, &options).map_err(|error| anyhow!(error.to_string()))?;
    let Loaded { model, skipped } = loaded;
    let found = describe(&model)?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        print(&found, out)?;
    }
    if !skipped.is_empty() {
        let problems: Vec<_> = skipped
            .iter()
            .map(|problem| format!("\n  {problem}"))
            .collect();
        bail!("newer versions cannot be served:{}", problems.concat());
    }
    Ok(())
}

/// Prints the identifier of the feature schema.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_schema(out: &mut impl Write) -> Result<()> {
    Ok(writeln!(out, "{}", features::schema_id())?)
}

fn describe(model: &Model) -> Result<Found<'_>> {
    let timing = |candidates| -> Result<Timing> {
        let time = measure(model, clock::since_unix_epoch, candidates)?;
        Ok(Timing {
            candidates,
            microseconds: time.as_secs_f64() * 1e6,
        })
    };
    Ok(Found {
        name: model.name(),
        version: model.version(),
        sha256: model.sha256(),
        schema: model.schema(),
        training: model.training(),
        runtime: model.runtime().as_str(),
        native_refusal: model.native_refusal(),
        path: model.path().display().to_string(),
        microseconds_per_score: MEASURED_CANDIDATES
            .into_iter()
            .map(timing)
            .collect::<Result<_>>()?,
    })
}

fn print(found: &Found<'_>, out: &mut impl Write) -> Result<()> {
    writeln!(out, "name      {}", found.name)?;
    writeln!(out, "version   {}", found.version)?;
    writeln!(out, "sha256    {}", found.sha256)?;
    writeln!(out, "schema    {}", found.schema)?;
    writeln!(out, "training  {}", found.training)?;
    writeln!(out, "runtime   {}", found.runtime)?;
    if let Some(refusal) = found.native_refusal {
        writeln!(out, "          not native: {refusal}")?;
    }
    writeln!(out, "path      {}", found.path)?;
    for timing in &found.microseconds_per_score {
        writeln!(
            out,
            "score     {:.2} µs for {} candidates",
            timing.microseconds, timing.candidates
        )?;
    }
    Ok(())
}
