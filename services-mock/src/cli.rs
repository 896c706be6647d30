//! The command line and what it means.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use services_mock::{RegistrySettings, Service, ServiceTime, Settings, parse_duration};

/// Mock commerce services with real queueing, faults over HTTP and registration in Redis.
///
/// Prints `listening SERVICE INSTANCE ADDRESS` for each service once it is ready. Faults: POST
/// /faults, for example {"kind":"slow","factor":8,"for_seconds":10}; GET /faults shows them.
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
}

/// One `--service` argument.
#[derive(Clone, Debug)]
struct Wanted {
    service: Service,
    instance: Option<String>,
    address: Option<SocketAddr>,
}

impl Cli {
    /// The settings of every service asked for.
    ///
    /// # Errors
    /// Options that do not go together or are out of range, as a usage error.
    pub(crate) fn settings(self) -> Result<Vec<Settings>, clap::Error> {
        let for_one = self.address.is_some() || self.name.is_some() || self.advertise.is_some();
        if self.services.len() > 1 && for_one {
            return Err(usage(
                "--address, --name and --advertise go with one --service only",
            ));
        }
        let seed = self.seed.unwrap_or_else(clock_seed);
        let numbered = self.services.iter().zip(seed..);
        numbered
            .map(|(wanted, seed)| self.settings_of(wanted, seed))
            .collect()
    }

    fn settings_of(&self, wanted: &Wanted, seed: u64) -> Result<Settings, clap::Error> {
        let default_address = (Ipv4Addr::LOCALHOST, wanted.service.default_port()).into();
        let settings = Settings {
            service: wanted.service,
            address: self.address.or(wanted.address).unwrap_or(default_address),
            name: self.name.clone().or_else(|| wanted.instance.clone()),
            service_time: self.service_time.clone(),
            concurrency: self.concurrency,
            queue: self.queue,
            speed: self.speed,
            seed,
            load_report: !self.no_load_report,
            registry: self.registry(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Vec<Settings>, clap::Error> {
        let command = ["services-mock"].iter().chain(arguments);
        Cli::try_parse_from(command).and_then(Cli::settings)
    }

    #[test]
    fn services_can_be_repeated_with_name_and_address() {
        let settings = read(&[
            "--service",
            "user/u1@127.0.0.1:0",
            "--service",
            "cart-service",
        ])
        .unwrap();
        let read: Vec<_> = settings
            .iter()
            .map(|s| (s.service.name(), s.name.as_deref(), s.address.to_string()))
            .collect();
        let cart = ("cart-service", None, "127.0.0.1:8082".to_owned());
        assert_eq!(
            read,
            [("user-service", Some("u1"), "127.0.0.1:0".to_owned()), cart]
        );
        assert_ne!(settings[0].seed, settings[1].seed);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [
            &[][..],
            &["--service", "shop"],
            &["--service", "user@nowhere"],
            &["--service", "user", "--service", "cart", "--name", "x"],
            &["--service", "user", "--speed", "0"],
            &["--service", "user", "--service-time", "10ms"],
            &["--service", "user", "--advertise", "http://a:1"],
            &[
                "--service",
                "user",
                "--redis",
                "redis://a",
                "--address",
                "0.0.0.0:1",
            ],
        ] {
            let error = read(arguments).expect_err("should be refused");
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
