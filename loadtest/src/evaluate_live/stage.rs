//! What an evaluation runs on: eight unequal services and one proxy with a cluster for each policy.
//! All of it is gone when the stage is dropped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use loadtest::processes::{Child, ask, mock_address, proxy_addresses};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::faults::FAULTY;
use crate::policy::{LEARNED, Policy};

/// How fast the services are; 1 serves [`SERVICE_TIME`].
pub(crate) const SPEEDS: [f64; 8] = [3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 1.0];
/// With [`SPEEDS`] and [`SLOTS`] 467 requests a second: long times, so that a load which makes the
/// services wait leaves the machine idle.
pub(crate) const SERVICE_TIME: &str = "lognormal:mean=60ms,sigma=0.6";
/// Requests that a service serves at once.
pub(crate) const SLOTS: usize = 2;
/// Requests that may wait at a service.
pub(crate) const QUEUE: usize = 128;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for the services to finish what a block left behind.
const IDLE_WITHIN: Duration = Duration::from_secs(30);

const _: () = assert!(
    SPEEDS.len() >= FAULTY,
    "a fault for each of as many services"
);

/// The programs and the model of a stage.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) proxy: PathBuf,
    pub(crate) services_mock: PathBuf,
    /// Folder of model versions, or of one version.
    pub(crate) model: PathBuf,
    /// Where the proxy writes every decision.
    pub(crate) decision_log: Option<PathBuf>,
    /// Seed of the services' chance.
    pub(crate) seed: u64,
}

/// How the learned policy came to its choices, and with which model.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Serving {
    pub(crate) model: String,
    pub(crate) version: u64,
    pub(crate) training: String,
    /// Choices since the start.
    pub(crate) decisions: f64,
    /// Those of them that the fallback policy made: more than a few, and it is not the model that
    /// was measured.
    pub(crate) fallback_decisions: f64,
}

/// Everything that runs. Fields are dropped in order: the processes before their folder.
#[derive(Debug)]
pub(crate) struct Stage {
    proxy: Child,
    proxy_address: SocketAddr,
    admin_address: SocketAddr,
    services: Vec<Service>,
    _folder: TempDir,
}

#[derive(Debug)]
struct Service {
    process: Child,
    address: SocketAddr,
}

impl Stage {
    /// Starts everything and waits until the proxy serves.
    ///
    /// # Errors
    /// When a program does not start or does not get ready.
    pub(crate) async fn set(parts: &Parts, policies: &[Policy]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("evaluate-live-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        let services = start_services(parts).await?;
        let addresses: Vec<SocketAddr> = services.iter().map(|service| service.address).collect();
        let mut config = config(folder.path(), &addresses, policies, &parts.model);
        if let Some(folder) = &parts.decision_log {
            config["decision_log"] = decision_log(folder);
        }
        let file = folder.path().join("edge.yaml");
        // JSON is YAML.
        fs::write(&file, config.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(&parts.proxy);
        command.args(["run", "-c"]).arg(&file);
        let mut proxy = Child::start("the proxy", &mut command)?;
        let (proxy_address, admin_address) = proxy_addresses(&mut proxy).await?;
        let mut stage = Stage {
            proxy,
            proxy_address,
            admin_address,
            services,
            _folder: folder,
        };
        stage.wait_until_ready().await?;
        Ok(stage)
    }

    /// Where the proxy listens.
    pub(crate) fn proxy_address(&self) -> SocketAddr {
        self.proxy_address
    }

    /// Gives a service an order of `POST /faults`.
    ///
    /// # Errors
    /// When it does not obey.
    pub(crate) async fn order(&self, service: usize, fault: &Value) -> Result<()> {
        ask::post(self.services[service].address, "/faults", fault).await
    }

    /// Ends all faults and waits until the services have nothing left to do, so that no policy
    /// inherits the queues of the one before.
    ///
    /// # Errors
    /// When that does not come true, or something has ended.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let recover = json!({ "kind": "recover" });
        for service in 0..self.services.len() {
            self.order(service, &recover).await?;
        }
        let deadline = Instant::now() + IDLE_WITHIN;
        while self.requests_in_services().await? > 0.0 {
            if Instant::now() > deadline {
                bail!("the services are still busy {IDLE_WITHIN:?} after a block");
            }
            sleep(LOOK_EVERY).await;
        }
        self.check_running()
    }

    /// What the proxy says of its learned policy; `None` where there is none.
    ///
    /// # Errors
    /// When it does not answer as expected.
    pub(crate) async fn serving(&self) -> Result<Option<Serving>> {
        let policy: Value = serde_json::from_str(&ask::get(self.admin_address, "/policy").await?)
            .context("/policy of the proxy")?;
        let clusters = policy["clusters"].as_array().map_or(&[][..], Vec::as_slice);
        let learned = clusters.iter().find(|c| c["cluster"] == LEARNED.name());
        let Some(model) = learned.map(|cluster| &cluster["model"]) else {
            return Ok(None);
        };
        let metrics = ask::get(self.admin_address, "/metrics").await?;
        let cluster = format!("cluster=\"{}\"", LEARNED.name());
        let text = |field: &str| model[field].as_str().unwrap_or_default().to_owned();
        Ok(Some(Serving {
            model: text("name"),
            version: model["version"].as_u64().unwrap_or_default(),
            training: text("training"),
            decisions: ask::sum_of(&metrics, "lb_policy_picks_total", &[&cluster]),
            fallback_decisions: ask::sum_of(&metrics, "lb_policy_fallback_total", &[&cluster]),
        }))
    }

    async fn requests_in_services(&self) -> Result<f64> {
        let mut requests = 0.0;
        for service in &self.services {
            let metrics = ask::get(service.address, "/metrics").await?;
            requests += ask::sum_of(&metrics, "mock_requests_in_flight", &[]);
        }
        Ok(requests)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let waiting = async {
            while ask::get(self.admin_address, "/ready").await.is_err()
                || TcpStream::connect(self.proxy_address).await.is_err()
            {
                self.proxy.check_running()?;
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        let waited = timeout(READY_WITHIN, waiting).await;
        waited.unwrap_or_else(|_| bail!("the proxy is not ready after {READY_WITHIN:?}"))
    }

    fn check_running(&mut self) -> Result<()> {
        self.proxy.check_running()?;
        let mut services = self.services.iter_mut();
        services.try_for_each(|service| service.process.check_running())
    }
}

/// The path that the proxy sends on to a service by this policy.
pub(crate) fn path(policy: Policy) -> String {
    format!("/p/{}/api/products", policy.name())
}

async fn start_services(parts: &Parts) -> Result<Vec<Service>> {
    let numbered = (1_u64..).zip(SPEEDS);
    let started = numbered.map(|(number, speed)| start_service(parts, number, speed));
    let mut services: Vec<Service> = started.collect::<Result<_>>()?;
    // Started side by side; each listens on a port of its own choice.
    for service in &mut services {
        service.address = service.process.wait_for(mock_address).await?;
    }
    Ok(services)
}

fn start_service(parts: &Parts, number: u64, speed: f64) -> Result<Service> {
    let name = format!("api-{number}");
    let mut command = Command::new(&parts.services_mock);
    command
        .args(["--service", &format!("inventory/{name}")])
        .args(["--address", "127.0.0.1:0"])
        .args(["--service-time", SERVICE_TIME])
        .args(["--concurrency", &SLOTS.to_string()])
        .args(["--queue", &QUEUE.to_string()])
        .args(["--speed", &speed.to_string()])
        .args(["--seed", &parts.seed.wrapping_add(number).to_string()]);
    Ok(Service {
        process: Child::start(&name, &mut command)?,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    })
}

/// A cluster for each policy, all with the same endpoints and settings.
fn config(folder: &Path, services: &[SocketAddr], policies: &[Policy], model: &Path) -> Value {
    let endpoints: Vec<Value> = services.iter().map(|s| json!({ "address": s })).collect();
    let cluster = |policy: &Policy| {
        json!({
            "name": policy.name(),
            "discovery": { "static": { "endpoints": endpoints } },
            "health_check": { "path": "/health", "interval": "1s", "timeout": "500ms" },
            // As shipped but for the times: an ejection must not outlast the rest of its cluster,
            // for the service that earned it is well again in the next block.
            "outlier_detection": { "interval": "1s", "base_ejection_time": "1s" },
            "policy": policy.settings(model),
        })
    };
    let route = |policy: &Policy| {
        let prefix = format!("/p/{}", policy.name());
        json!({
            "name": policy.name(),
            "match": { "path_prefix": prefix },
            "strip_prefix": prefix,
            "cluster": policy.name(),
        })
    };
    json!({
        "admin": { "address": "127.0.0.1:0" },
        "listeners": [{ "address": "127.0.0.1:0" }],
        "threads": 2,
        "upgrade": { "socket": folder.join("upgrade.sock"), "pid_file": folder.join("pid") },
        "access_log": "off",
        "clusters": policies.iter().map(cluster).collect::<Vec<_>>(),
        "routes": policies.iter().map(route).collect::<Vec<_>>(),
    })
}

/// Every decision, and room for all that a stalled disk makes wait.
fn decision_log(folder: &Path) -> Value {
    json!({
        "folder": folder,
        "format": "jsonl",
        "sample_percent": 100,
        "max_file_size": "1GiB",
        "queue": 8192,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;

    #[test]
    fn every_policy_has_a_cluster_with_all_services_and_a_route_to_it() {
        let services: Vec<SocketAddr> = vec!["127.0.0.1:1".parse().unwrap(); 8];
        let policies = Policies::all();
        let policies = policies.as_slice();
        let config = config(
            Path::new("/tmp/x"),
            &services,
            policies,
            Path::new("models/m"),
        );
        let clusters = config["clusters"].as_array().unwrap();
        let routes = config["routes"].as_array().unwrap();
        assert_eq!(
            (clusters.len(), routes.len()),
            (policies.len(), policies.len())
        );
        for ((cluster, route), policy) in clusters.iter().zip(routes).zip(policies) {
            let endpoints = &cluster["discovery"]["static"]["endpoints"];
            assert_eq!(endpoints.as_array().map(Vec::len), Some(8));
            assert_eq!(route["cluster"], cluster["name"]);
            let prefix = route["match"]["path_prefix"].as_str().unwrap();
            assert!(path(*policy).starts_with(prefix), "{prefix}");
        }
    }
}
