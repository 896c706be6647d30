//! What one instance is to be; checked once, before anything starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use commerce::Secret;
use http::Uri;

use crate::route_time::RouteTime;
use crate::service::Service;
use crate::service_time::ServiceTime;
use crate::shop::{SHORTEST_SECRET, ShopSettings};

/// Enough to be seen in any monitor, little enough for several instances on a small machine.
pub(crate) const DEGRADATION_MEMORY_MIB: usize = 256;

/// Settings of one instance. [`Settings::new`] gives the defaults of a test.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which service it plays.
    pub service: Service,
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Instance name, 1 to 64 of `A-Z a-z 0-9 . _ -`; by default service name and port.
    pub name: Option<String>,
    /// Time of one request in service.
    pub service_time: ServiceTime,
    /// Service times of single routes, in place of `service_time`.
    pub route_times: Vec<RouteTime>,
    /// Share of each service time that keeps a processor busy, 0 to 1.
    pub cpu_burn: f64,
    /// Requests served at once, 1 to 100,000.
    pub concurrency: usize,
    /// Requests that may wait, 0 to 1,000,000; further ones are answered 503.
    pub queue: usize,
    /// Divides every service time, 0.001 to 1000: 2 is twice as fast.
    pub speed: f64,
    /// Seed of everything drawn: service times, failures, trace ids.
    pub seed: u64,
    /// Whether answers carry `endpoint-load-metrics`.
    pub load_report: bool,
    /// Whether reports tell the utilisation of the last two seconds, as in shop mode, rather than
    /// that of the moment.
    pub mean_utilization: bool,
    /// Registration in Redis, if any.
    pub registry: Option<RegistrySettings>,
    /// What degrading the instance asks for, beside an administrator's token in shop mode.
    pub degradation_token: Option<Secret>,
    /// Memory that memory faults may take, in MiB, 1 to 65,536.
    pub degradation_memory_mib: usize,
    /// Runs the real service; without it answers are static.
    pub shop: Option<ShopSettings>,
}

/// How an instance registers itself.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// `redis://host:port` and what the redis client understands.
    pub url: String,
    /// `http://host:port` under which others reach the instance; by default the bound address.
    pub advertise: Option<String>,
    /// Time between two heartbeats, 10 ms to 20 s (records live 30 s).
    pub beat: Duration,
    /// Weight written into the record, if any.
    pub weight: Option<u32>,
}

/// A setting out of its range or in conflict with another.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: expected {expected}, got {value}")]
pub struct BadSetting {
    setting: &'static str,
    expected: &'static str,
    value: String,
}

impl Settings {
    /// An instance on a free loopback port that answers at once, eight at a time, unregistered.
    pub fn new(service: Service) -> Self {
        Settings {
            service,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name: None,
            service_time: ServiceTime::Fixed(Duration::ZERO),
            route_times: Vec::new(),
            cpu_burn: 0.0,
            concurrency: 8,
            queue: 512,
            speed: 1.0,
            seed: 0,
            load_report: true,
            mean_utilization: false,
            registry: None,
            degradation_token: None,
            degradation_memory_mib: DEGRADATION_MEMORY_MIB,
            shop: None,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first setting that is out of range, with its value.
    pub fn check(&self) -> Result<(), BadSetting> {
        let name = self.name.as_deref();
        ensure(
            name.is_none_or(is_name),
            "name",
            "1 to 64 of A-Z a-z 0-9 . _ -",
            name,
        )?;
        let slots = self.concurrency;
        ensure(
            (1..=100_000).contains(&slots),
            "concurrency",
            "1 to 100000",
            slots,
        )?;
        ensure(self.queue <= 1_000_000, "queue", "0 to 1000000", self.queue)?;
        let speed = self.speed;
        ensure(
            (0.001..=1000.0).contains(&speed),
            "speed",
            "0.001 to 1000",
            speed,
        )?;
        let burn = self.cpu_burn;
        ensure((0.0..=1.0).contains(&burn), "cpu-burn", "0 to 1", burn)?;
        let memory = self.degradation_memory_mib;
        ensure(
            (1..=65_536).contains(&memory),
            "degradation-memory",
            "1 to 65536 (MiB)",
            memory,
        )?;
        if let Some(shop) = &self.shop {
            check_shop(shop)?;
        }
        match &self.registry {
            Some(registry) => registry.check(self.address),
            None => Ok(()),
        }
    }
}

impl RegistrySettings {
    /// Registration at `url` with the defaults: a beat every 2 s, the bound address advertised.
    pub fn new(url: impl Into<String>) -> Self {
        RegistrySettings {
            url: url.into(),
            advertise: None,
            beat: Duration::from_secs(2),
            weight: None,
        }
    }

    fn check(&self, address: SocketAddr) -> Result<(), BadSetting> {
        let beat_fits = (Duration::from_millis(10)..=Duration::from_secs(20)).contains(&self.beat);
        ensure(beat_fits, "beat", "10ms to 20s", self.beat)?;
        let advertise = self.advertise.as_deref();
        let reachable = advertise.is_some() || !address.ip().is_unspecified();
        ensure(
            reachable,
            "advertise",
            "a URL when listening on any address",
            advertise,
        )?;
        let base_url = advertise.is_none_or(is_base_url);
        ensure(base_url, "advertise", "http://host:port", advertise)
    }
}

/// Secrets are told by their length alone.
fn check_shop(shop: &ShopSettings) -> Result<(), BadSetting> {
    let secret_bytes = shop.jwt_secret.reveal().len();
    ensure(
        secret_bytes >= SHORTEST_SECRET,
        "jwt-secret-file",
        "a secret of at least 32 bytes",
        format_args!("{secret_bytes} bytes"),
    )?;
    let cost = shop.bcrypt_cost;
    ensure((4..=31).contains(&cost), "bcrypt-cost", "4 to 31", cost)?;
    let gateway = shop.gateway_url.as_deref();
    ensure(
        gateway.is_none_or(is_base_url),
        "gateway",
        "http://host:port",
        gateway,
    )
}

fn ensure(
    holds: bool,
    setting: &'static str,
    expected: &'static str,
    value: impl std::fmt::Debug,
) -> Result<(), BadSetting> {
    if holds {
        return Ok(());
    }
    Err(BadSetting {
        setting,
        expected,
        value: format!("{value:?}"),
    })
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_base_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    uri.scheme_str() == Some("http")
        && uri.port_u16().is_some()
        && uri.path() == "/"
        && !text.ends_with('/')
        && !text.contains(['@', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::new(Service::User);
        settings.registry = Some(RegistrySettings::new("redis://127.0.0.1:6379"));
        settings.check().expect("the defaults are fine");
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    fn advertise(url: &str) -> impl FnOnce(&mut Settings) + '_ {
        move |s| s.registry.as_mut().unwrap().advertise = Some(url.to_owned())
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        assert!(refused(|s| s.name = Some("a b".into())).starts_with("name"));
        assert!(refused(|s| s.name = Some(String::new())).starts_with("name"));
        assert!(refused(|s| s.concurrency = 0).starts_with("concurrency"));
        assert!(refused(|s| s.queue = 1_000_001).starts_with("queue"));
        assert!(refused(|s| s.speed = 0.0).starts_with("speed"));
        assert!(refused(|s| s.speed = f64::NAN).starts_with("speed"));
        assert!(refused(|s| s.cpu_burn = 1.1).starts_with("cpu-burn"));
        assert!(refused(|s| s.degradation_memory_mib = 0).starts_with("degradation-memory"));
        assert!(
            refused(|s| s.registry.as_mut().unwrap().beat = Duration::ZERO).starts_with("beat")
        );
    }

    fn shop(change: impl FnOnce(&mut ShopSettings)) -> impl FnOnce(&mut Settings) {
        let mut shop = ShopSettings::new(Secret::new("s".repeat(SHORTEST_SECRET)));
        change(&mut shop);
        |s| s.shop = Some(shop)
    }

    #[test]
    fn a_shop_that_cannot_work_is_refused_and_its_secret_is_not_shown() {
        let short = refused(shop(|s| s.jwt_secret = Secret::new("knock knock")));
        assert!(short.starts_with("jwt-secret-file") && short.contains("11 bytes"));
        assert!(!short.contains("knock"), "{short}");
        assert!(refused(shop(|s| s.bcrypt_cost = 3)).starts_with("bcrypt-cost"));
        let gateway = refused(shop(|s| s.gateway_url = Some("127.0.0.1:1".to_owned())));
        assert!(gateway.starts_with("gateway") && gateway.contains("127.0.0.1:1"));
    }

    #[test]
    fn an_address_nobody_can_reach_is_not_advertised() {
        assert!(refused(|s| s.address = "0.0.0.0:8081".parse().unwrap()).starts_with("advertise"));
        for url in [
            "host:1",
            "https://a:1",
            "http://a",
            "http://a:1/x",
            "http://a:1/",
            "http://u@a:1",
        ] {
            assert!(refused(advertise(url)).contains(url), "{url}");
        }
        let mut fine = Settings::new(Service::User);
        fine.registry = Some(RegistrySettings::new("redis://127.0.0.1:6379"));
        advertise("http://[::1]:8081")(&mut fine);
        fine.check().unwrap();
    }
}
