//! Reads one registry record. Records are untrusted: anything may stand there, and what comes
//! out is either a valid [`Record`] or the reason why it is none.

use super::address::is_allowed;
use lb_policy::{endpoint::EndpointId, telemetry::LoadReport};
use serde_json::{Map, Value};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use url::Url;

/// Bytes of a value that are read; a value that fills them all counts as cut off.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// Weights are kept within 1 and this; one record must not take all traffic.
const MAX_WEIGHT: f64 = 1000.0;
/// A service at ten times its capacity is a broken gauge.
const MAX_UTILIZATION: f32 = 10.0;
/// No service means an hour when it says how long a request takes.
const MAX_LATENCY_MS: f64 = 3_600_000.0;
/// The longest name DNS knows.
const MAX_HOST_BYTES: usize = 253;
/// Longer than any health path in use; bounds what is kept per record.
const MAX_PATH_BYTES: usize = 1024;

/// A registry record that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Host of `url`.
    pub host: Host,
    /// Port of `url`, 80 where it has none; never 0.
    pub port: u16,
    /// Relative share of traffic, 1 to 1000; 1 where the record does not say.
    pub weight: u32,
    /// `false` only when the record says `"healthy": false`.
    pub enabled: bool,
    /// What the record says of load: `inflight`, `utilization`, `latencyMs`.
    pub load: Option<LoadReport>,
    /// Path and query of `healthUrl`, starting with `/`, at most 1024 bytes.
    pub health_path: Option<String>,
}

/// The host part of a record's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address; an allowed one.
    Address(IpAddr),
    /// A name yet to be resolved, lower-case ASCII.
    Name(String),
}

/// Why a record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// The key is too long to be one.
    Key,
    /// The key holds something other than a string.
    Kind,
    /// The value reaches [`MAX_RECORD_BYTES`].
    TooLarge,
    /// Not JSON in UTF-8, or JSON nested too deeply.
    Json,
    /// JSON, but not an object.
    NotAnObject,
    /// `serviceName` names another service.
    Service,
    /// No `url`, or not a string.
    NoUrl,
    /// `url` is not an `http` address with a host and a port.
    Url,
    /// `url` is `https`, which the data plane does not speak to upstreams yet.
    Tls,
    /// `url` carries a user or a password.
    UserInfo,
    /// `url` points at an address that is no endpoint, such as a link-local one.
    Address,
    /// The host name of `url` has never resolved to an allowed address.
    Unresolved,
}

impl Malformed {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Key,
        Self::Kind,
        Self::TooLarge,
        Self::Json,
        Self::NotAnObject,
        Self::Service,
        Self::NoUrl,
        Self::Url,
        Self::Tls,
        Self::UserInfo,
        Self::Address,
        Self::Unresolved,
    ];

    /// The reason as a metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Kind => "kind",
            Self::TooLarge => "too_large",
            Self::Json => "json",
            Self::NotAnObject => "not_an_object",
            Self::Service => "service",
            Self::NoUrl => "no_url",
            Self::Url => "url",
            Self::Tls => "tls",
            Self::UserInfo => "user_info",
            Self::Address => "address",
            Self::Unresolved => "unresolved",
        }
    }
}

impl Record {
    /// Reads the first bytes of a record of `service`. Unknown fields are ignored, and an
    /// optional field of the wrong type counts as missing.
    ///
    /// # Errors
    /// The reason why the record is of no use.
    pub fn parse(value: &[u8], service: &str) -> Result<Self, Malformed> {
        if value.len() >= MAX_RECORD_BYTES {
            return Err(Malformed::TooLarge);
        }
        let fields = match serde_json::from_slice(value) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(Malformed::NotAnObject),
            Err(_) => return Err(Malformed::Json),
        };
        if text(&fields, "serviceName").is_some_and(|named| named != service) {
            return Err(Malformed::Service);
        }
        let url = endpoint_url(text(&fields, "url").ok_or(Malformed::NoUrl)?)?;
        Ok(Self {
            host: host(&url)?,
            port: port(&url)?,
            weight: weight(&fields),
            enabled: fields.get("healthy").and_then(Value::as_bool) != Some(false),
            load: load(&fields),
            health_path: health_path(&fields, &url),
        })
    }

    /// The identity of the endpoint, `host:port`.
    pub fn id(&self) -> EndpointId {
        match &self.host {
            Host::Address(address) => {
                EndpointId::new(&SocketAddr::new(*address, self.port).to_string())
            }
            Host::Name(name) => EndpointId::new(&format!("{name}:{}", self.port)),
        }
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// A finite number that is not negative.
fn amount(fields: &Map<String, Value>, name: &str) -> Option<f64> {
    let number = fields.get(name).and_then(Value::as_f64)?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

fn endpoint_url(text: &str) -> Result<Url, Malformed> {
    let url = Url::parse(text).map_err(|_| Malformed::Url)?;
    match url.scheme() {
        "http" => {}
        "https" => return Err(Malformed::Tls),
        _ => return Err(Malformed::Url),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Malformed::UserInfo);
    }
    Ok(url)
}

fn host(url: &Url) -> Result<Host, Malformed> {
    let address = match url.host().ok_or(Malformed::Url)? {
        url::Host::Domain(name) if name.len() > MAX_HOST_BYTES => return Err(Malformed::Url),
        url::Host::Domain(name) => return Ok(Host::Name(name.to_owned())),
        url::Host::Ipv4(v4) => IpAddr::V4(v4),
        url::Host::Ipv6(v6) => IpAddr::V6(v6),
    };
    if is_allowed(address) {
        Ok(Host::Address(address))
    } else {
        Err(Malformed::Address)
    }
}

fn port(url: &Url) -> Result<u16, Malformed> {
    url.port_or_known_default()
        .filter(|port| *port != 0)
        .ok_or(Malformed::Url)
}

fn weight(fields: &Map<String, Value>) -> u32 {
    let written = fields.get("weight").and_then(Value::as_f64).unwrap_or(1.0);
    // The conversion is exact enough and cannot leave the range: it is clamped first.
    written.clamp(1.0, MAX_WEIGHT) as u32
}

fn load(fields: &Map<String, Value>) -> Option<LoadReport> {
    let report = LoadReport {
        in_flight: amount(fields, "inflight")
            .map(|n| n as f32)
            .filter(|n| n.is_finite()),
        utilization: amount(fields, "utilization")
            .map(|n| n as f32)
            .filter(|n| *n <= MAX_UTILIZATION),
        latency: amount(fields, "latencyMs")
            .filter(|ms| *ms <= MAX_LATENCY_MS)
            .map(|ms| Duration::from_secs_f64(ms / 1000.0)),
        ..LoadReport::default()
    };
    (report != LoadReport::default()).then_some(report)
}

/// The path of `healthUrl`, which may also be written relative to `url`. Only the path counts:
/// a health check goes where the traffic goes.
fn health_path(fields: &Map<String, Value>, url: &Url) -> Option<String> {
    let health = url.join(text(fields, "healthUrl")?).ok()?;
    if !matches!(health.scheme(), "http" | "https") {
        return None;
    }
    let path = &health[url::Position::BeforePath..url::Position::AfterQuery];
    (path.starts_with('/') && path.len() <= MAX_PATH_BYTES).then(|| path.to_owned())
}

#[cfg(test)]
mod tests;
