//! What the demo runs on: a folder, six back ends and the proxy. All of it is gone when the stage
//! is dropped.

use super::{client, models, scrape::Scrape};
use anyhow::{Context as _, Result, bail};
use loadtest::processes::{Child, mock_address, proxy_addresses};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const CONFIG: &str = include_str!("../../conf/demo.yaml");
/// How fast the back ends are; 1 serves [`SERVICE_TIME`].
const SPEEDS: [f64; 6] = [1.6, 1.3, 1.0, 0.9, 0.7, 0.5];
/// Together with the speeds and [`CONCURRENCY`]: 600 requests a second, which two processors can
/// carry beside the proxy and the load.
const SERVICE_TIME: &str = "lognormal:mean=30ms,sigma=0.5";
/// Requests that a back end serves at once; more wait in its queue.
const CONCURRENCY: &str = "3";
/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for the proxy to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for a reload.
pub(super) const RELOAD_WITHIN: Duration = Duration::from_secs(5);

/// A running back end.
#[derive(Debug)]
pub(super) struct BackEnd {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) speed: f64,
    process: Child,
}

/// Everything that runs. Fields are dropped in order: the processes before their folder.
#[derive(Debug)]
pub(super) struct Stage {
    proxy: Child,
    pub(super) proxy_address: SocketAddr,
    pub(super) admin_address: SocketAddr,
    pub(super) back_ends: Vec<BackEnd>,
    folder: TempDir,
}

impl Stage {
    /// Starts everything and waits until the proxy serves.
    ///
    /// # Errors
    /// When a program is missing or does not get ready.
    pub(super) async fn set() -> Result<Self> {
        let own = env::current_exe().context("cannot tell where this program is")?;
        let mock = beside(&own, "services-mock")?;
        let folder = tempfile::Builder::new()
            .prefix("ai-loadbalancer-demo-")
            .tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        models::FIRST.publish(&models_of(folder.path()))?;
        models::SECOND.publish(&next_models_of(folder.path()))?;
        let config = folder.path().join("edge.yaml");
        fs::write(&config, CONFIG).with_context(|| format!("cannot write {}", config.display()))?;
        let back_ends = start_back_ends(&mock).await?;
        let mut command = Command::new(&own);
        command
            .args(["run", "-c"])
            .arg(&config)
            .envs(variables(folder.path(), &back_ends));
        let mut proxy = Child::start("the proxy", &mut command)?;
        let (proxy_address, admin_address) = proxy_addresses(&mut proxy).await?;
        let mut stage = Self {
            proxy,
            proxy_address,
            admin_address,
            back_ends,
            folder,
        };
        stage.wait_until_ready().await?;
        Ok(stage)
    }

    /// The proxy's process identifier.
    pub(super) fn proxy_id(&self) -> u32 {
        self.proxy.id()
    }

    /// The folder whose highest numbered version the proxy serves.
    pub(super) fn models(&self) -> PathBuf {
        models_of(self.folder.path())
    }

    /// The second model version beside the model folder, for a reload by hand.
    pub(super) fn next_model(&self) -> PathBuf {
        next_models_of(self.folder.path()).join(models::SECOND.number.to_string())
    }

    /// Tells a back end to misbehave.
    ///
    /// # Errors
    /// When it does not obey.
    pub(super) async fn order_fault(&self, back_end: usize, fault: &Value) -> Result<()> {
        client::post(self.back_ends[back_end].address, "/faults", fault).await
    }

    /// Asks the proxy for its figures.
    ///
    /// # Errors
    /// When it does not answer, or not in the Prometheus format.
    pub(super) async fn scrape(&self) -> Result<Scrape> {
        let text = client::get(self.admin_address, "/metrics").await?;
        Ok(Scrape::read(&text)?)
    }

    /// Publishes the second model version, signals the proxy and waits until it serves it.
    ///
    /// # Errors
    /// When that does not come true within [`RELOAD_WITHIN`]; says what the proxy thinks of it.
    pub(super) async fn reload_model(&self) -> Result<()> {
        models::SECOND.publish(&self.models())?;
        let proxy = i32::try_from(self.proxy.id()).ok().and_then(Pid::from_raw);
        let proxy = proxy.context("the proxy has no process identifier")?;
        kill_process(proxy, Signal::HUP).context("cannot signal the proxy")?;
        let mut seen = Value::Null;
        let serving = async {
            while !serves(&seen, models::SECOND.number) {
                sleep(LOOK_EVERY).await;
                seen = self.policy().await.unwrap_or_default();
            }
        };
        match timeout(RELOAD_WITHIN, serving).await {
            Ok(()) => Ok(()),
            Err(_) => bail!("not served within {RELOAD_WITHIN:?}; /policy: {seen}"),
        }
    }

    /// # Errors
    /// When the proxy has ended. Back ends may: surviving that is the proxy's work.
    pub(super) fn check_proxy_running(&mut self) -> Result<()> {
        self.proxy.check_running()
    }

    async fn policy(&self) -> Result<Value> {
        let text = client::get(self.admin_address, "/policy").await?;
        Ok(serde_json::from_str(&text)?)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let waiting = async {
            while client::get(self.admin_address, "/ready").await.is_err()
                || tokio::net::TcpStream::connect(self.proxy_address)
                    .await
                    .is_err()
            {
                self.proxy.check_running()?;
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        let waited = timeout(READY_WITHIN, waiting).await;
        waited.unwrap_or_else(|_| bail!("the proxy is not ready after {READY_WITHIN:?}"))
    }
}

/// The fault of a back end that takes `factor` times as long.
pub(super) fn slow(factor: u32) -> Value {
    json!({ "kind": "slow", "factor": factor })
}

/// The fault of a back end that fails every request at once.
pub(super) fn fast_fail() -> Value {
    json!({ "kind": "fast_fail", "rate": 1.0, "status": 503 })
}

fn beside(own: &Path, name: &str) -> Result<PathBuf> {
    let program = own.with_file_name(name);
    if !program.is_file() {
        bail!(
            "the demo needs {}; build it with `cargo build --workspace --bins`",
            program.display()
        );
    }
    Ok(program)
}

fn models_of(folder: &Path) -> PathBuf {
    folder.join("models")
}

fn next_models_of(folder: &Path) -> PathBuf {
    folder.join("next")
}

async fn start_back_ends(program: &Path) -> Result<Vec<BackEnd>> {
    let mut back_ends = Vec::new();
    for (number, speed) in (1..).zip(SPEEDS) {
        back_ends.push(start_back_end(program, number, speed)?);
    }
    // Started side by side; each listens on a port of its own choice.
    for back_end in &mut back_ends {
        let address = back_end.process.wait_for(mock_address);
        back_end.address = address.await?;
    }
    Ok(back_ends)
}

fn start_back_end(program: &Path, number: usize, speed: f64) -> Result<BackEnd> {
    let name = format!("api-{number}");
    let mut command = Command::new(program);
    command
        .args([
            "--service",
            &format!("inventory/{name}"),
            "--address",
            "127.0.0.1:0",
        ])
        .args(["--service-time", SERVICE_TIME, "--concurrency", CONCURRENCY])
        .args(["--speed", &speed.to_string(), "--seed", &number.to_string()]);
    Ok(BackEnd {
        process: Child::start(&name, &mut command)?,
        name,
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        speed,
    })
}

/// The variables that conf/demo.yaml names.
fn variables(folder: &Path, back_ends: &[BackEnd]) -> Vec<(String, String)> {
    let addresses = back_ends
        .iter()
        .map(|back_end| back_end.address.to_string());
    let mut variables: Vec<_> = addresses
        .zip(1..)
        .map(|(address, number)| (format!("DEMO_BACK_END_{number}"), address))
        .collect();
    variables.push(("DEMO_FOLDER".to_owned(), folder.display().to_string()));
    variables
}

/// Whether `/policy` shows this version in every cluster.
fn serves(policy: &Value, version: u64) -> bool {
    let clusters = policy["clusters"].as_array().map_or(&[][..], Vec::as_slice);
    !clusters.is_empty()
        && clusters
            .iter()
            .all(|cluster| cluster["model"]["version"] == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_configuration_is_valid_with_the_variables_and_names_all_back_ends() {
        let folder = Path::new("/tmp/demo");
        let variable = |name: &str| match name.strip_prefix("DEMO_BACK_END_") {
            Some(number) => Some(format!("127.0.0.1:{}", 9000 + number.parse::<u16>().ok()?)),
            None => variables(folder, &[])
                .into_iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
        };
        let config = config::parse(CONFIG, "conf/demo.yaml", &variable).unwrap();
        let config::Discovery::Static { endpoints } = &config.runtime.clusters[0].discovery else {
            panic!("the demo needs no registry");
        };
        assert_eq!(endpoints.len(), SPEEDS.len());
    }

    #[test]
    fn a_version_is_served_when_every_cluster_has_it() {
        let policy = |versions: &[u64]| {
            let clusters = versions
                .iter()
                .map(|version| json!({ "model": { "version": version } }));
            json!({ "clusters": clusters.collect::<Vec<_>>() })
        };
        assert!(serves(&policy(&[2, 2]), 2));
        assert!(!serves(&policy(&[2, 1]), 2));
        assert!(!serves(&policy(&[]), 2));
        assert!(!serves(&Value::Null, 2));
    }

    #[test]
    fn a_missing_program_is_told_with_the_command_that_builds_it() {
        let error = beside(Path::new("/nowhere/ai-loadbalancer"), "services-mock").unwrap_err();
        assert!(
            error.to_string().contains("cargo build --workspace --bins"),
            "{error}"
        );
    }
}
