//! Everything that a run starts: Redis, a mailbox, the services' instances, the proxy. All of it is gone when
//! the stage is dropped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::RngExt;
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::processes::ask::{self, Question};
use crate::processes::{Child, mock_address, proxy_addresses};
use crate::shop_run::config::{self, Endpoints, Layout};
use crate::shop_run::mailbox::Mailbox;
use crate::shop_run::setting::{DEGRADED, Programs, SERVICES, Setting, State};

const LOOK_EVERY: Duration = Duration::from_millis(50);
const READY_WITHIN: Duration = Duration::from_secs(60);
const ADMIN: &str = "root@shop.example";
/// Short enough that some hundred journeys and the whole shop fit two processors.
const SERVICE_TIME: &str = "lognormal:mean=5ms,sigma=0.6";
/// The least that there is: a password hash must not be what a run measures.
const BCRYPT_COST: &str = "4";

/// What runs. Fields are dropped in order: the processes before their folder.
#[derive(Debug)]
pub(crate) struct Stage {
    proxy: Child,
    proxy_address: SocketAddr,
    admin_address: SocketAddr,
    instances: Vec<Instance>,
    redis: Option<Child>,
    mailbox: Mailbox,
    secrets: Secrets,
    _folder: TempDir,
}

#[derive(Debug)]
struct Instance {
    service: &'static str,
    name: String,
    address: SocketAddr,
    /// None once it was killed.
    process: Option<Child>,
}

/// Drawn for each run.
#[derive(Clone)]
struct Secrets {
    tokens: String,
    password: String,
    degradation: String,
}

/// The files of [`Secrets`], by what they are for.
const TOKENS_FILE: &str = "token-secret";
const PASSWORD_FILE: &str = "admin-password";
const DEGRADATION_FILE: &str = "degradation-token";

/// The answer of a log-in.
#[derive(Deserialize)]
struct LoggedIn {
    token: String,
}

impl Stage {
    /// Starts everything and waits until the proxy has an instance of each service.
    ///
    /// # Errors
    /// When a program does not start or does not get ready.
    pub(crate) async fn set(setting: &Setting) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shop-run-").tempdir();
        let folder = folder.context("cannot make a temporary folder")?;
        let secrets = Secrets::draw();
        secrets.write(folder.path())?;
        let redis = start_redis(&setting.programs, folder.path()).await?;
        let (redis, redis_url) = redis.unzip();
        let mailbox = Mailbox::open().await?;
        let proxy_address = free_address()?;
        let mut common =
            common_options(setting, folder.path(), proxy_address, redis_url.as_deref());
        common.extend(["--smtp".to_owned(), mailbox.url()]);
        let instances = start_instances(setting, folder.path(), &common).await?;
        let layout = Layout {
            folder: folder.path(),
            proxy: proxy_address,
            model: &setting.programs.model,
            endpoints: endpoints(&instances, redis_url.as_deref()),
        };
        let (proxy, admin_address) = start_proxy(&setting.programs, &layout).await?;
        let mut stage = Stage {
            proxy,
            proxy_address,
            admin_address,
            instances,
            redis,
            mailbox,
            secrets,
            _folder: folder,
        };
        stage.wait_until_ready().await?;
        Ok(stage)
    }

    /// Where the shop is.
    pub(crate) fn proxy_address(&self) -> SocketAddr {
        self.proxy_address
    }

    /// Whether Redis runs.
    pub(crate) fn has_redis(&self) -> bool {
        self.redis.is_some()
    }

    /// Mails that customers got.
    pub(crate) fn mails(&self) -> u64 {
        self.mailbox.mails()
    }

    /// The proxy's figures.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn metrics(&self) -> Result<String> {
        ask::get(self.admin_address, "/metrics").await
    }

    /// Where the instance listens that is to be degraded.
    pub(crate) fn degraded_address(&self) -> Option<SocketAddr> {
        let degraded = self.instances.iter().find(|i| i.name == DEGRADED);
        degraded.map(|instance| instance.address)
    }

    /// Makes each request stay longer at [`DEGRADED`], until the end of the run.
    ///
    /// # Errors
    /// When the instance does not obey.
    pub(crate) async fn degrade(&self, delay_ms: u64) -> Result<()> {
        let address = self.degraded_address().context("no instance to degrade")?;
        let path =
            format!("/api/degradation/latency/start?delayMs={delay_ms}&durationSeconds=86400");
        let question = Question::new(address, "POST", &path).by(&self.secrets.degradation);
        question.text().await.map(drop)
    }

    /// Kills the first instance of a service; its name.
    pub(crate) fn kill(&mut self, service: &str) -> Option<&str> {
        let of_service = |instance: &&mut Instance| instance.service == service;
        let instance = self.instances.iter_mut().find(of_service)?;
        instance.process.take().map(drop)?;
        Some(&instance.name)
    }

    /// A token of the administrator.
    ///
    /// # Errors
    /// When the shop does not let him in.
    pub(crate) async fn admin_token(&self) -> Result<String> {
        let body = json!({ "email": ADMIN, "password": self.secrets.password });
        let question = Question::new(self.proxy_address, "POST", "/api/users/login").with(&body);
        let LoggedIn { token } = question.json().await?;
        Ok(token)
    }

    /// # Errors
    /// When something has ended that was not killed.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        self.proxy.check_running()?;
        let mut alive = self.instances.iter_mut().filter_map(|i| i.process.as_mut());
        alive.try_for_each(Child::check_running)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let waiting = async {
            while self.answers().await.is_err() {
                self.check_running()?;
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        let waited = timeout(READY_WITHIN, waiting).await;
        waited.unwrap_or_else(|_| bail!("the shop is not ready after {READY_WITHIN:?}"))
    }

    /// Whether the proxy is ready and each service answers through it, its store included.
    async fn answers(&self) -> Result<()> {
        ask::get(self.admin_address, "/ready").await?;
        let token = self.admin_token().await?;
        for path in [
            "/api/cart",
            "/api/orders/reconciliation",
            "/api/inventory/products",
            "/api/payments/reconciliation",
            "/api/notifications/summary",
        ] {
            let question = Question::new(self.proxy_address, "GET", path).by(&token);
            question.text().await?;
        }
        Ok(())
    }
}

impl Secrets {
    fn draw() -> Self {
        let mut rng = rand::rng();
        let mut secret = || format!("{:032x}", rng.random::<u128>());
        Secrets {
            tokens: secret(),
            password: secret(),
            degradation: secret(),
        }
    }

    fn write(&self, folder: &Path) -> Result<()> {
        for (file, secret) in [
            (TOKENS_FILE, &self.tokens),
            (PASSWORD_FILE, &self.password),
            (DEGRADATION_FILE, &self.degradation),
        ] {
            let file = folder.join(file);
            fs::write(&file, secret).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// A port that was free a moment ago: services must know the proxy before it runs.
fn free_address() -> Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    probe.local_addr().context("no free port")
}

async fn start_redis(programs: &Programs, folder: &Path) -> Result<Option<(Child, String)>> {
    let Some(program) = &programs.redis else {
        return Ok(None);
    };
    let address = free_address()?;
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(address.port().to_string())
        .arg("--dir")
        .arg(folder);
    let mut redis = Child::start("Redis", &mut command)?;
    let ready = |line: &str| line.contains("Ready to accept connections").then_some(());
    redis.wait_for(ready).await?;
    Ok(Some((redis, format!("redis://{address}"))))
}

/// Options that all instances have.
fn common_options(
    setting: &Setting,
    folder: &Path,
    gateway: SocketAddr,
    redis_url: Option<&str>,
) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut options = vec!["--shop".to_owned()];
    let mut add = |option: &str, value: String| options.extend([option.to_owned(), value]);
    match &setting.state {
        State::Sqlite => add("--data-dir", file("data")),
        State::Postgres(url) => add("--database-url", url.clone()),
    }
    if let Some(url) = redis_url {
        add("--redis", url.to_owned());
        add("--beat", "500ms".to_owned());
    }
    add("--gateway", format!("http://{gateway}"));
    add("--jwt-secret-file", file(TOKENS_FILE));
    add("--degradation-token-file", file(DEGRADATION_FILE));
    add("--admin-email", ADMIN.to_owned());
    add("--admin-password-file", file(PASSWORD_FILE));
    add("--bcrypt-cost", BCRYPT_COST.to_owned());
    add("--service-time", SERVICE_TIME.to_owned());
    options
}

async fn start_instances(
    setting: &Setting,
    folder: &Path,
    common: &[String],
) -> Result<Vec<Instance>> {
    let data = folder.join("data");
    fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let names = SERVICES
        .iter()
        .flat_map(|&(service, count)| (1..=count).map(move |number| (service, number)));
    let mut instances = Vec::new();
    for ((service, number), seed) in names.zip(setting.seed..) {
        let name = format!("{service}-{number}");
        let mut command = Command::new(&setting.programs.services_mock);
        command
            .args(common)
            .args(["--seed", &seed.to_string()])
            .args(["--service", &format!("{service}/{name}@127.0.0.1:0")]);
        instances.push(Instance {
            service,
            process: Some(Child::start(&name, &mut command)?),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name,
        });
    }
    // Started side by side; each listens on a port of its own choice.
    for instance in &mut instances {
        if let Some(process) = &mut instance.process {
            instance.address = process.wait_for(mock_address).await?;
        }
    }
    Ok(instances)
}

fn endpoints(instances: &[Instance], redis_url: Option<&str>) -> Vec<Endpoints> {
    let of_service = |service: &str| match redis_url {
        Some(url) => Endpoints::Registry(url.to_owned()),
        None => {
            let own = instances.iter().filter(|i| i.service == service);
            Endpoints::Static(own.map(|instance| instance.address).collect())
        }
    };
    SERVICES.iter().map(|(s, _)| of_service(s)).collect()
}

async fn start_proxy(programs: &Programs, layout: &Layout<'_>) -> Result<(Child, SocketAddr)> {
    let file = layout.folder.join("edge.yaml");
    fs::write(&file, config::config(layout).to_string())
        .with_context(|| format!("cannot write {}", file.display()))?;
    let mut command = Command::new(&programs.proxy);
    command.args(["run", "-c"]).arg(&file);
    let mut proxy = Child::start("the proxy", &mut command)?;
    let (_, admin) = proxy_addresses(&mut proxy).await?;
    Ok((proxy, admin))
}
