//! Puts the parts together and runs them: the only module that knows every part.

use crate::{
    admin::Admin,
    balance::{BalanceMetrics, ModelBook, ModelProblem},
    clock::Clock,
    config::{self, Config, ConfigErrors, Listener},
    control::{
        BuildError, Control, ControlMetrics, Foundation, Lifecycle, Loader, Order, RegistryMetrics,
        ReloadMetrics, Reloader, ShutdownOnSignal, SourceBook, Start, build,
    },
    decision_log::DecisionLog,
    proxy::{AccessLog, EdgeProxy, Limited, OpenConnections, ProxyMetrics},
    topology::SharedTopology,
    upstream::{MemberTable, UpstreamMetrics},
};
use arc_swap::ArcSwap;
use pingora::{
    apps::HttpServerOptions,
    listeners::Listeners,
    server::{
        RunArgs, Server,
        configuration::{Opt, ServerConf},
    },
    services::{background::GenBackgroundService, listening::Service},
};
use pingora_proxy::HttpProxy;
use prometheus::{Registry, process_collector::ProcessCollector};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::mpsc;

/// Orders to reload that may wait; further ones are refused.
const RELOADS_WAITING_MAX: usize = 16;
/// Attempts that Pingora allows; ours are fewer (`retry.attempts`), and bounded by a budget.
const PINGORA_ATTEMPTS: usize = 16;

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not valid.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// A model cannot be served.
    #[error("{file}: {source}")]
    Model {
        /// The configuration file.
        file: String,
        /// Cluster, file and cause.
        source: ModelProblem,
    },
    /// A cluster cannot be built.
    #[error("{file}: {source}")]
    Build {
        /// The configuration file.
        file: String,
        /// Cluster and cause.
        source: BuildError,
    },
    /// An address is taken or not ours.
    #[error("{file}: {key}: cannot listen on {address}: {source}")]
    Bind {
        /// The configuration file.
        file: String,
        /// The key of the address.
        key: String,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The file for the process identifier cannot be written.
    #[error("{file}: upgrade.pid_file: cannot write {path}: {source}")]
    PidFile {
        /// The configuration file.
        file: String,
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Metrics or threads cannot be set up.
    #[error("cannot set up: {0}")]
    Setup(#[from] anyhow::Error),
}

/// Reads the configuration and loads its models, as a start would.
///
/// # Errors
/// Everything that would keep the proxy from starting, except addresses in use.
pub fn check(path: &Path) -> Result<(Config, ModelBook), StartError> {
    let config = config::load(path, &|name| std::env::var(name).ok())?;
    let models = ModelBook::load(&config);
    let models = models.map_err(|source| StartError::Model {
        file: config.source.clone(),
        source,
    })?;
    Ok((config, models))
}

/// Runs the proxy until a signal ends it. With `upgrade`, sockets come from the process that
/// runs now, once it gets SIGQUIT.
///
/// # Errors
/// When it cannot start.
pub fn run(
    path: &Path,
    upgrade: bool,
    signals: mpsc::UnboundedReceiver<Order>,
) -> Result<(), StartError> {
    let (config, models) = check(path)?;
    let addresses = if upgrade {
        configured_addresses(&config)
    } else {
        free_addresses(&config)?
    };
    // In a hand-over the file names the old process until the new one has its sockets.
    if !upgrade {
        write_pid_file(&config)?;
    }
    let shutdown = config.boot.shutdown.clone();
    let parts = Parts::assemble(path, config, &models)?;
    let lifecycle = Arc::clone(&parts.lifecycle);
    let config = Arc::clone(&parts.config);
    let server = parts.into_server(&addresses, upgrade, signals);
    if upgrade && let Err(error) = write_pid_file(&config) {
        // The old process ends whatever happens here: serving matters more than the file.
        log::error!("{error}");
    }
    let shutdown_signal = Box::new(ShutdownOnSignal::new(
        Arc::clone(&lifecycle),
        shutdown.drain,
        shutdown.grace,
    ));
    server.run(RunArgs { shutdown_signal });
    lifecycle.finish();
    Ok(())
}

/// Where to listen, with every port known.
struct Addresses {
    admin: SocketAddr,
    listeners: Vec<SocketAddr>,
}

fn configured_addresses(config: &Config) -> Addresses {
    let listeners = config
        .boot
        .listeners
        .iter()
        .map(|listener| listener.address)
        .collect();
    Addresses {
        admin: config.boot.admin,
        listeners,
    }
}

/// Finds out early whether the addresses are free, with an error that names them: Pingora
/// would try for 30 seconds and then panic. Port 0 becomes a free port.
fn free_addresses(config: &Config) -> Result<Addresses, StartError> {
    let mut probes = Vec::new();
    let mut probe = |key: String, address: SocketAddr| {
        let bound =
            TcpListener::bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (free, socket) = bound.map_err(|source| {
            let file = config.source.clone();
            StartError::Bind {
                file,
                key,
                address,
                source,
            }
        })?;
        // Held until all are known, so that two zeros do not become the same port.
        probes.push(socket);
        Ok(free)
    };
    let admin = probe("admin.address".to_owned(), config.boot.admin)?;
    let listeners = config.boot.listeners.iter().enumerate();
    let listeners =
        listeners.map(|(i, listener)| probe(format!("listeners[{i}].address"), listener.address));
    Ok(Addresses {
        admin,
        listeners: listeners.collect::<Result<_, StartError>>()?,
    })
}

fn write_pid_file(config: &Config) -> Result<(), StartError> {
    let path = &config.boot.upgrade.pid_file;
    std::fs::write(path, format!("{}\n", std::process::id())).map_err(|source| {
        let file = config.source.clone();
        StartError::PidFile {
            file,
            path: path.clone(),
            source,
        }
    })
}

/// Everything that lives as long as the process.
struct Parts {
    config: Arc<Config>,
    topology: SharedTopology,
    feeds: Vec<Arc<crate::control::Feed>>,
    reloader: Arc<Reloader>,
    lifecycle: Arc<Lifecycle>,
    connections: OpenConnections,
    access_log: AccessLog,
    decision_log: DecisionLog,
    proxy_metrics: ProxyMetrics,
    registry: Registry,
    clock: Clock,
}

impl Parts {
    fn assemble(path: &Path, config: Config, models: &ModelBook) -> Result<Self, StartError> {
        let registry = Registry::new();
        let (foundation, metrics) = foundation(&registry)?;
        let decision_log = foundation.decision_log.clone();
        let access_log = AccessLog::start(&registry)?;
        let file = config.source.clone();
        let config = Arc::new(config);
        let built = build(&foundation, Arc::clone(&config), models, 1);
        let (topology, feeds) = built.map_err(|source| StartError::Build { file, source })?;
        models.log_changes();
        let topology = Arc::new(ArcSwap::from_pointee(topology));
        let clock = foundation.clock;
        let proxy_metrics = metrics.proxy.clone();
        let shared = Arc::clone(&topology);
        let reloader = Arc::new(Reloader::new(
            path.to_owned(),
            foundation,
            Loader::start().map_err(anyhow::Error::from)?,
            shared,
            metrics,
            access_log.clone(),
        ));
        reloader.note_first_models(models);
        let connections = OpenConnections::default();
        let lifecycle = Arc::new(Lifecycle::new(
            connections.clone(),
            access_log.clone(),
            decision_log.clone(),
            config.boot.upgrade.pid_file.clone(),
        ));
        Ok(Self {
            config,
            topology,
            feeds,
            reloader,
            lifecycle,
            connections,
            access_log,
            decision_log,
            proxy_metrics,
            registry,
            clock,
        })
    }

    fn into_server(
        self,
        addresses: &Addresses,
        upgrade: bool,
        signals: mpsc::UnboundedReceiver<Order>,
    ) -> Server {
        let opt = Opt {
            upgrade,
            ..Opt::default()
        };
        let mut server = Server::new_with_opt_and_conf(opt, server_conf(&self.config));
        server.bootstrap();
        let (requests, waiting) = mpsc::channel(RELOADS_WAITING_MAX);
        server.add_service(self.admin_service(addresses.admin, requests));
        let proxies: Vec<_> = self
            .config
            .boot
            .listeners
            .iter()
            .zip(&addresses.listeners)
            .collect();
        let proxies: Vec<_> = proxies
            .into_iter()
            .map(|(listener, &address)| {
                server.add_service(self.proxy_service(listener, address, &server.configuration))
            })
            .collect();
        let start = Start {
            feeds: self.feeds,
            signals,
            requests: waiting,
            listeners: addresses.listeners.clone(),
        };
        let control = Control::new(self.reloader, self.lifecycle, start);
        let control = server.add_service(GenBackgroundService::new(
            "control".to_owned(),
            Arc::new(control),
        ));
        // No request is taken before the first pass of discovery and health checks.
        proxies
            .iter()
            .for_each(|proxy| proxy.add_dependency(&control));
        server
    }

    fn admin_service(
        &self,
        address: SocketAddr,
        requests: mpsc::Sender<crate::control::ReloadRequest>,
    ) -> Service<Admin> {
        let admin = Admin {
            topology: Arc::clone(&self.topology),
            reloader: Arc::clone(&self.reloader),
            requests,
            lifecycle: Arc::clone(&self.lifecycle),
            decision_log: self.decision_log.clone(),
            registry: self.registry.clone(),
        };
        log::info!("listening kind=admin address={address}");
        let mut service = Service::with_listeners(
            "admin".to_owned(),
            Listeners::tcp(&address.to_string()),
            admin,
        );
        service.threads = Some(1);
        service
    }

    fn proxy_service(
        &self,
        listener: &Listener,
        address: SocketAddr,
        conf: &Arc<ServerConf>,
    ) -> Service<Limited<HttpProxy<EdgeProxy>>> {
        let metrics = self.proxy_metrics.clone();
        let (open, refused) = metrics.listener(&address.to_string());
        let proxy = EdgeProxy::new(
            Arc::clone(&self.topology),
            self.clock,
            metrics,
            self.access_log.clone(),
            listener,
        );
        let mut proxy = HttpProxy::new(proxy, Arc::clone(conf));
        proxy.handle_init_modules();
        let mut options = HttpServerOptions::default();
        options.keepalive_request_limit = listener.keepalive_requests;
        proxy.server_options = Some(options);
        let limited = Limited::new(
            proxy,
            listener.max_connections,
            self.connections.clone(),
            open,
            refused,
        );
        log::info!("listening kind=proxy address={address}");
        let mut service = Service::with_listeners(
            "proxy".to_owned(),
            Listeners::tcp(&address.to_string()),
            limited,
        );
        service.threads = Some(self.config.boot.threads);
        service
    }
}

fn foundation(registry: &Registry) -> anyhow::Result<(Foundation, ReloadMetrics)> {
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let foundation = Foundation {
        clock: Clock::start(),
        table: Arc::new(MemberTable::new(UpstreamMetrics::new(registry)?)),
        sources: Arc::new(SourceBook::default()),
        balance_metrics: BalanceMetrics::new(registry)?,
        decision_log: DecisionLog::start(registry)?,
    };
    let metrics = ReloadMetrics {
        proxy: ProxyMetrics::new(registry)?,
        control: ControlMetrics::new(registry)?,
        registries: RegistryMetrics::new(registry)?,
    };
    Ok((foundation, metrics))
}

fn server_conf(config: &Config) -> ServerConf {
    let boot = &config.boot;
    ServerConf {
        threads: boot.threads,
        // Measured: 73 to 59 µs of processor time a request.
        work_stealing: false,
        pid_file: boot.upgrade.pid_file.display().to_string(),
        upgrade_sock: boot.upgrade.socket.display().to_string(),
        grace_period_seconds: Some(boot.shutdown.grace.as_secs()),
        graceful_shutdown_timeout_seconds: Some(1),
        upstream_keepalive_pool_size: boot.upstream_keepalive_connections,
        max_retries: PINGORA_ATTEMPTS,
        ..ServerConf::default()
    }
}
