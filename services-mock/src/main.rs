//! Runs mock services until told to stop: exit 0 after a signal, 1 on failure, 2 on wrong usage.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use services_mock::{Mock, Running, Settings};
use tokio::signal::unix::{SignalKind, signal};

use cli::Cli;

fn main() -> ExitCode {
    let settings = Cli::parse().settings().unwrap_or_else(|wrong| wrong.exit());
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to report to when stderr itself is closed.
            drop(writeln!(io::stderr(), "services-mock: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(settings: Vec<Settings>) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut running = Vec::new();
    for settings in settings {
        let service = settings.service;
        let instance = Mock::start(settings).await?;
        announce(service.name(), &instance).context("cannot write to stdout")?;
        running.push(instance);
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    for instance in running {
        instance.stop().await;
    }
    Ok(())
}

/// The line others wait for: `listening user-service user-service-8081 127.0.0.1:8081`.
fn announce(service: &str, instance: &Running) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let (name, address) = (instance.name(), instance.addr());
    writeln!(stdout, "listening {service} {name} {address}")?;
    stdout.flush()
}
