//! The command line: reads arguments, calls the library, turns errors into exit codes.

use ai_loadbalancer::{
    command,
    control::{self, Order},
    demo,
    server::{self, StartError},
};
use clap::{Args, Parser, Subcommand};
use std::{io::Write, path::PathBuf, process::ExitCode, time::SystemTime};
use tokio::sync::mpsc::UnboundedReceiver;

// Malloc and free are a fifth of the work of a proxied request; measured 71.6k to 59.8k
// instructions.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Edge load balancer whose upstream choice is made by a model, per request.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Run the proxy (the default).
    Run(RunArgs),
    /// Show the whole at work: back ends, proxy and load, with faults and a model reload.
    Demo(demo::DemoArgs),
    /// Look at models.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Ask a running proxy whether it is ready; exit code 0 or 1.
    Healthcheck {
        /// Address of the admin interface.
        #[arg(long, default_value = "127.0.0.1:9901")]
        admin: String,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Configuration file.
    #[arg(short, long, default_value = "conf/edge.yaml")]
    config: PathBuf,
    /// Check configuration and models, then exit.
    #[arg(short, long)]
    test: bool,
    /// Take over the sockets of the running process (send it SIGQUIT).
    #[arg(short, long)]
    upgrade: bool,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Check a model folder, or one version, as the proxy would.
    Check(command::CheckArgs),
    /// Print the feature schema that models must be made for.
    Schema,
}

fn main() -> ExitCode {
    // First of all: a hang-up that nobody handles would kill the process.
    let signals = match control::catch_signals() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot catch signals: {error}")),
    };
    start_logging();
    let cli = Cli::parse();
    match perform(cli.command.unwrap_or(Command::Run(cli.run)), signals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn perform(command: Command, signals: UnboundedReceiver<Order>) -> Result<(), String> {
    let mut out = std::io::stdout();
    let result = match command {
        Command::Run(args) if args.test => test(&args, &mut out),
        Command::Run(args) => server::run(&args.config, args.upgrade, signals).map_err(whole),
        Command::Demo(args) => demo::run(&args),
        Command::Model(ModelCommand::Check(args)) => command::check_model(&args, &mut out),
        Command::Model(ModelCommand::Schema) => command::print_schema(&mut out),
        Command::Healthcheck { admin } => command::healthcheck(&admin),
    };
    result.map_err(|error: anyhow::Error| format!("{error:#}"))
}

/// An error whose text tells its causes already: they must not be told again.
fn whole(error: StartError) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

fn test(args: &RunArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let (config, models) = server::check(&args.config).map_err(whole)?;
    for problem in models.skipped() {
        writeln!(out, "warning: model version passed over: {problem}")?;
    }
    let (clusters, routes) = (config.runtime.clusters.len(), config.runtime.routes.len());
    writeln!(
        out,
        "{}: valid, {clusters} clusters, {routes} routes",
        config.source
    )?;
    Ok(())
}

fn start_logging() {
    // Pingora tells each step at `info`; its warnings are enough. Its connector reports at
    // `error` when it opens a connection instead of waiting for one that is being parked.
    let quiet = "info,pingora=warn,pingora_core=warn,pingora_core::connectors=off,\
                 pingora_proxy=warn,pingora_load_balancing=warn";
    let filter = env_logger::Env::default().default_filter_or(quiet);
    env_logger::Builder::from_env(filter)
        .format(|buffer, record| {
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            writeln!(buffer, "{now} {:<5} {}", record.level(), record.args())
        })
        .init();
}

fn fail(error: &str) -> ExitCode {
    // Standard error may be closed; the exit code still tells.
    drop(writeln!(std::io::stderr(), "error: {error}"));
    ExitCode::FAILURE
}
