//! The command line and what it means.

mod shop;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use services_mock::{
    RegistrySettings, RouteTime, Secret, Service, ServiceTime, Settings, ShopSettings,
    parse_duration,
};

use shop::{ShopOptions, read_secret};

/// Commerce services with real queueing, faults over HTTP and registration in Redis.
///
/// Prints `listening SERVICE INSTANCE ADDRESS` for each service once it is ready. Answers are static
/// unless --shop is given. Faults: POST /faults, for example
/// {"kind":"slow","factor":8,"for_seconds":10}; GET /faults shows them; or POST
/// /api/degradation/latency/start?delayMs=100 and the like.
#[derive(Debug, Parser)]
#[command(name = "services-mock", version)]
pub(crate) struct Cli {
    /// Service to run: SERVICE[/INSTANCE][@ADDRESS], may be repeated; SERVICE is user, cart, order,
    /// inventory, payment or notification, with or without -service.
    #[arg(long = "service", required = true, value_name = "SERVICE")]
    services: Vec<Wanted>,

    /// Where to listen (one service only); port 0 takes a free one [default: 127.0.0.1 and the
    /// service's port, 8081 to 8086].
    #[arg(long)]
    address: Option<SocketAddr>,

    /// Instance name (one service only) [default: service and port].
    #[arg(long)]
    name: Option<String>,

    /// Time of a request in service: fixed:5ms, exp:10ms, lognormal:mean=10ms,sigma=0.8 or
    /// pareto:mean=10ms,alpha=2.5.
    #[arg(long, default_value = "lognormal:mean=10ms,sigma=0.8")]
    service_time: ServiceTime,

    /// Service time of one route, METHOD /path=TIME or /path=TIME, may be repeated; the longest path
    /// wins.
    #[arg(long = "route-time", value_name = "ROUTE=TIME")]
    route_times: Vec<RouteTime>,

    /// Share of each service time that keeps a processor busy, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    cpu_burn: f64,

    /// Requests served at once.
    #[arg(long, default_value_t = 8)]
    concurrency: usize,

    /// Requests that may wait; further ones get 503.
    #[arg(long, default_value_t = 512)]
    queue: usize,

    /// Divides service times: 2 is twice as fast.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,

    /// Seed of everything drawn [default: from the clock].
    #[arg(long)]
    seed: Option<u64>,

    /// Leave out the endpoint-load-metrics header.
    #[arg(long)]
    no_load_report: bool,

    /// Report the utilisation of the last two seconds, as --shop does, not that of the moment:
    /// client_side_weighted_round_robin needs it.
    #[arg(long)]
    mean_utilization: bool,

    /// Register in this Redis, such as redis://127.0.0.1:6379.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,

    /// URL written into the registry, http://host:port (one service only) [default: the address].
    #[arg(long, value_name = "URL", requires = "redis")]
    advertise: Option<String>,

    /// Time between heartbeats in Redis.
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    beat: Duration,

    /// Weight written into the registry.
    #[arg(long, requires = "redis")]
    weight: Option<u32>,

    /// File with a token that /api/degradation and POST /faults then ask for; with --shop they ask
    /// for it or an administrator's token.
    #[arg(long, value_name = "FILE")]
    degradation_token_file: Option<PathBuf>,

    /// Memory that memory faults may take, in MiB, 1 to 65536.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    degradation_memory: usize,

    #[command(flatten)]
    shop: ShopOptions,
}

/// Everything a command line asks for.
#[derive(Debug)]
pub(crate) struct Meant {
    pub(crate) instances: Vec<Settings>,
    /// Whether the services are to keep their state in a temporary folder.
    pub(crate) wants_scratch: bool,
}

#[derive(Debug)]
struct Common {
    degradation_token: Option<Secret>,
    shop: Option<ShopSettings>,
}

/// One `--service` argument.
#[derive(Clone, Debug)]
struct Wanted {
    service: Service,
    instance: Option<String>,
    address: Option<SocketAddr>,
}

impl Cli {
    /// The settings of every service asked for; `environment` looks up a variable.
    ///
    /// # Errors
    /// Options that do not go together or are out of range, as a usage error.
    pub(crate) fn meant(
        self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Meant, clap::Error> {
        let for_one = self.address.is_some() || self.name.is_some() || self.advertise.is_some();
        if self.services.len() > 1 && for_one {
            return Err(usage(
                "--address, --name and --advertise go with one --service only",
            ));
        }
        if self.shop.memory && self.has_twins() {
            return Err(usage(
                "--memory is for a single instance of each service; give --data-dir instead",
            ));
        }
        let common = self.common(environment).map_err(usage)?;
        let seed = self.seed.unwrap_or_else(clock_seed);
        let numbered = self.services.iter().zip(seed..);
        let instances = numbered.map(|(wanted, seed)| self.settings_of(wanted, seed, &common));
        Ok(Meant {
            instances: instances.collect::<Result<_, _>>()?,
            wants_scratch: self.shop.wants_scratch(),
        })
    }

    fn has_twins(&self) -> bool {
        let count = |service| {
            self.services
                .iter()
                .filter(|w| w.service == service)
                .count()
        };
        Service::ALL.into_iter().any(|service| count(service) > 1)
    }

    /// What all instances share, read from files and environment once.
    fn common(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Common, String> {
        let token = self.degradation_token_file.as_deref();
        let token = token.map(|file| read_secret("--degradation-token-file", file));
        Ok(Common {
            degradation_token: token.transpose()?,
            shop: self.shop.settings(self.redis.as_deref(), environment)?,
        })
    }

    fn settings_of(
        &self,
        wanted: &Wanted,
        seed: u64,
        common: &Common,
    ) -> Result<Settings, clap::Error> {
        let default_address = (Ipv4Addr::LOCALHOST, wanted.service.default_port()).into();
        let settings = Settings {
            service: wanted.service,
            address: self.address.or(wanted.address).unwrap_or(default_address),
            name: self.name.clone().or_else(|| wanted.instance.clone()),
            service_time: self.service_time.clone(),
            route_times: self.route_times.clone(),
            cpu_burn: self.cpu_burn,
            concurrency: self.concurrency,
            queue: self.queue,
            speed: self.speed,
            seed,
            load_report: !self.no_load_report,
            mean_utilization: self.mean_utilization,
            registry: self.registry(),
            degradation_token: common.degradation_token.clone(),
            degradation_memory_mib: self.degradation_memory,
            shop: common.shop.clone(),
        };
        settings.check().map_err(usage)?;
        Ok(settings)
    }

    fn registry(&self) -> Option<RegistrySettings> {
        Some(RegistrySettings {
            url: self.redis.clone()?,
            advertise: self.advertise.clone(),
            beat: self.beat,
            weight: self.weight,
        })
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (who, address) = match text.split_once('@') {
            Some((who, address)) => (who, Some(address)),
            None => (text, None),
        };
        let (service, instance) = match who.split_once('/') {
            Some((service, instance)) => (service, Some(instance.to_owned())),
            None => (who, None),
        };
        let read_address = |text: &str| {
            text.parse()
                .map_err(|_| format!("{text:?} is no address; write IP:PORT"))
        };
        Ok(Wanted {
            service: service
                .parse()
                .map_err(|e: services_mock::UnknownService| e.to_string())?,
            instance,
            address: address.map(read_address).transpose()?,
        })
    }
}

fn usage(problem: impl std::fmt::Display) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, problem)
}

fn clock_seed() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    // Half the range, so that counting up from it cannot overflow.
    since_epoch.map_or(0, |time| time.as_nanos() as u64 / 2)
}
