//! Starts an instance inside the caller's tokio run time and stops it, cleanly or by dropping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::faults::{Active, Fault, Order};
use crate::instance::Instance;
use crate::keeper;
use crate::metrics::Counts;
use crate::registry::Registration;
use crate::server::{self, Life};
use crate::service::Service;
use crate::settings::{BadSetting, Settings};
use crate::strain;

/// Where instances are started.
#[derive(Debug)]
pub struct Mock;

/// Why an instance did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The address cannot be listened on, for example because the port is in use.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The registry's URL makes no sense.
    #[error("redis URL: {0}")]
    Registry(#[source] redis::RedisError),
    /// The service's store, seed or Redis.
    #[error("{service}: {source}")]
    Shop {
        /// Which service.
        service: Service,
        /// What is wrong.
        source: commerce::StartError,
    },
}

/// A running instance. Dropping it ends it as a kill would: connections close, the registry record
/// is left to run out. [`Running::stop`] ends it cleanly.
#[derive(Debug)]
pub struct Running {
    instance: Arc<Instance>,
    address: SocketAddr,
    life: watch::Sender<Life>,
    server: JoinHandle<()>,
    registration: Option<JoinHandle<()>>,
    strain: JoinHandle<()>,
    shop: Option<OpenShop>,
}

/// The real service behind the instance, to be closed after the last answer.
#[derive(Debug)]
struct OpenShop {
    closing: watch::Sender<bool>,
    keeping: JoinHandle<()>,
}

impl Mock {
    /// Binds, then serves on the current run time; connections are accepted from the return on.
    ///
    /// # Errors
    /// A setting out of range, an address in use, a malformed registry URL, a store out of reach.
    ///
    /// # Panics
    /// When called outside a tokio run time.
    pub async fn start(settings: Settings) -> Result<Running, StartError> {
        settings.check()?;
        let (listener, address) = listen(settings.address)?;
        let name = settings.name.clone();
        let name = name.unwrap_or_else(|| format!("{}-{}", settings.service, address.port()));
        let instance = Arc::new(Instance::new(&settings, name));
        let registration = settings
            .registry
            .as_ref()
            .map(|registry| Registration::new(registry, Arc::clone(&instance), address))
            .transpose()
            .map_err(StartError::Registry)?;
        let shop = open_shop(&instance, settings.service).await?;
        let life = watch::Sender::new(Life::Serve);
        let serving = server::serve(listener, address, Arc::clone(&instance), life.subscribe());
        let keeping = registration.map(|registration| registration.keep(life.subscribe()));
        Ok(Running {
            strain: tokio::spawn(strain::keep(Arc::clone(&instance))),
            instance,
            address,
            life,
            server: tokio::spawn(serving),
            registration: keeping.map(tokio::spawn),
            shop,
        })
    }
}

async fn open_shop(
    instance: &Arc<Instance>,
    service: Service,
) -> Result<Option<OpenShop>, StartError> {
    let Some(shop) = &instance.shop else {
        return Ok(None);
    };
    let failed = |source| StartError::Shop { service, source };
    let commerce = shop.open().await.map_err(failed)?;
    let closing = watch::Sender::new(false);
    let (instance, shop) = (Arc::clone(instance), Arc::clone(shop));
    let keeping = keeper::keep(instance, shop, commerce, closing.subscribe());
    Ok(Some(OpenShop {
        keeping: tokio::spawn(keeping),
        closing,
    }))
}

fn listen(address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = server::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Running {
    /// The bound address.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the bound address, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The instance name.
    pub fn name(&self) -> &str {
        &self.instance.name
    }

    /// Starts a fault that lasts until [`Running::recover`]; acts at once, a crash as soon as the
    /// server task runs.
    pub fn inject(&self, fault: Fault) {
        self.order(Order::Inject { fault, lasts: None });
    }

    /// Carries out an order as `POST /faults` would.
    pub fn order(&self, order: Order) {
        self.instance.faults.carry_out(order, Instant::now());
    }

    /// Ends every fault; after a crash the instance returns to its port.
    pub fn recover(&self) {
        self.order(Order::Recover);
    }

    /// The faults that act now.
    pub fn faults(&self) -> Vec<Active> {
        self.instance.faults.active(Instant::now())
    }

    /// Traffic requests ended so far; health, metrics and fault requests do not count.
    pub fn counts(&self) -> Counts {
        self.instance.metrics.counts()
    }

    /// Traffic requests present now: held, queued or in service.
    pub fn in_flight(&self) -> u64 {
        self.instance.metrics.in_flight()
    }

    /// Deregisters, stops listening, lets answers underway finish for up to one second (ten in shop
    /// mode), then lets the service finish its background rounds and close its store.
    pub async fn stop(mut self) {
        self.life.send_replace(Life::Finish);
        // Deregistered first, so that nobody is sent to a port that is closed; both are bounded.
        if let Some(registration) = &mut self.registration {
            join(registration).await;
        }
        join(&mut self.server).await;
        if let Some(shop) = &mut self.shop {
            shop.closing.send_replace(true);
            join(&mut shop.keeping).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
        self.strain.abort();
        if let Some(shop) = &self.shop {
            shop.keeping.abort();
        }
        if let Some(registration) = &self.registration {
            registration.abort();
        }
    }
}

async fn join(task: &mut JoinHandle<()>) {
    if let Err(error) = task.await {
        log::error!("task failed: {error}");
    }
}
