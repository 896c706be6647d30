//! Runs mock services until told to stop: exit 0 after a signal, 1 on failure, 2 on wrong usage.

mod cli;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use services_mock::{Mock, Running, Settings, StoreAt};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use cli::{Cli, Meant};

fn main() -> ExitCode {
    let meant = Cli::parse().meant(|name| env::var(name).ok());
    let meant = meant.unwrap_or_else(|wrong| wrong.exit());
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match run(meant) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to report to when stderr itself is closed.
            drop(writeln!(io::stderr(), "services-mock: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(mut meant: Meant) -> anyhow::Result<()> {
    // Lives until every instance has stopped.
    let _scratch = match meant.wants_scratch {
        true => Some(keep_in_scratch(&mut meant.instances)?),
        false => None,
    };
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut running = Vec::new();
    for settings in meant.instances {
        let service = settings.service;
        let instance = Mock::start(settings).await?;
        announce(service.name(), &instance).context("cannot write to stdout")?;
        running.push(instance);
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let stopping = running.into_iter().map(Running::stop);
    stopping.collect::<JoinSet<()>>().join_all().await;
    Ok(())
}

/// Lets all services keep their state in one temporary folder, which is gone when dropped.
fn keep_in_scratch(instances: &mut [Settings]) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("services-mock-").tempdir();
    let folder = folder.context("cannot make a temporary folder for the stores")?;
    log::info!(
        "state lives in {} and goes with this process",
        folder.path().display()
    );
    for shop in instances.iter_mut().filter_map(|i| i.shop.as_mut()) {
        shop.store = StoreAt::Folder(folder.path().to_owned());
    }
    Ok(folder)
}

/// The line others wait for: `listening user-service user-service-8081 127.0.0.1:8081`.
fn announce(service: &str, instance: &Running) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let (name, address) = (instance.name(), instance.addr());
    writeln!(stdout, "listening {service} {name} {address}")?;
    stdout.flush()
}
