//! The meant form of a cluster: its endpoints, how they are watched, chosen and talked to.

use super::{
    address::{HostPort, RedisUrl},
    policy::Policy,
    units,
};
use serde::Serialize;
use std::time::Duration;

/// A named group of interchangeable endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// Unique; `[A-Za-z0-9_.-]{1,64}`, for it becomes a metric label.
    pub name: String,
    /// Where the endpoints come from.
    pub discovery: Discovery,
    /// Active checks; none: endpoints count as healthy until they prove otherwise.
    pub health_check: Option<HealthCheck>,
    /// Ejection by observed errors; on by default.
    pub outlier_detection: Option<OutlierDetection>,
    /// Below this share of ready endpoints, health is disregarded, 0 to 1. Default 0.5.
    pub panic_threshold: f64,
    /// Time over which a new or recovered endpoint grows to its full share; none: at once.
    #[serde(serialize_with = "units::serialize_option")]
    pub slow_start: Option<Duration>,
    /// Bounds on the load of the whole cluster.
    pub circuit_breaker: CircuitBreaker,
    /// Time limits toward an endpoint.
    pub timeouts: Timeouts,
    /// Further tries of a failed request.
    pub retry: Retry,
    /// How an endpoint is chosen.
    pub policy: Policy,
}

impl Cluster {
    /// Default of [`panic_threshold`](Self::panic_threshold).
    pub const PANIC_THRESHOLD: f64 = 0.5;
}

/// Where endpoints come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// Written in the configuration.
    Static {
        /// At least one; no address twice.
        endpoints: Vec<Endpoint>,
    },
    /// Services that register themselves in Redis.
    Redis(RedisDiscovery),
}

/// One endpoint as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Host and port; a host name is resolved at run time.
    pub address: HostPort,
    /// Share relative to the others, 1 to 1000. Default 1.
    pub weight: u32,
}

/// Discovery from a Redis registry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedisDiscovery {
    /// The server; its password is printed nowhere.
    pub url: RedisUrl,
    /// Service whose instances are the endpoints: the middle of the key `service:{name}:{instance}`.
    pub service: String,
    /// Time between two passes. Default 1 s.
    #[serde(serialize_with = "units::serialize")]
    pub interval: Duration,
    /// How long a record is believed while the registry does not answer. Default 5 min.
    #[serde(serialize_with = "units::serialize")]
    pub max_age: Duration,
}

impl RedisDiscovery {
    /// Default of [`interval`](Self::interval).
    pub const INTERVAL: Duration = Duration::from_secs(1);
    /// Default of [`max_age`](Self::max_age).
    pub const MAX_AGE: Duration = Duration::from_secs(5 * 60);
}

/// Active checks of every endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// What is asked of an endpoint.
    pub probe: Probe,
    /// Time between two checks of one endpoint. Default 1 s.
    #[serde(serialize_with = "units::serialize")]
    pub interval: Duration,
    /// Longest wait for an answer, at most the interval. Default 500 ms, or a shorter interval.
    #[serde(serialize_with = "units::serialize")]
    pub timeout: Duration,
    /// Successes in a row that make an endpoint healthy, from 1. Default 2.
    pub healthy_threshold: u32,
    /// Failures in a row that make an endpoint unhealthy, from 1. Default 2.
    pub unhealthy_threshold: u32,
}

impl HealthCheck {
    /// The given probe, everything else at its default.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        }
    }
}

/// What a health check asks of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// An HTTP GET that is answered with a 2xx status.
    Http {
        /// Path and query, from its `/`.
        path: String,
        /// Host header; none: the endpoint's address.
        host: Option<String>,
    },
    /// A connection that opens.
    Tcp,
}

/// Ejection of endpoints that fail the requests sent to them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutlierDetection {
    /// 5xx answers or connection failures in a row that eject, from 1. Default 5.
    pub consecutive_5xx: u32,
    /// Time between two looks at the ejected. Default 10 s.
    #[serde(serialize_with = "units::serialize")]
    pub interval: Duration,
    /// First ejection; the n-th in a row lasts n times as long. Default 30 s.
    #[serde(serialize_with = "units::serialize")]
    pub base_ejection_time: Duration,
    /// Most endpoints ejected at once, as a share of all, 0 to 1. Default 0.5.
    pub max_ejection: f64,
    /// How many times as often as most other ready endpoints one must fail, from 0, which does
    /// not compare. Default 10.
    pub min_error_ratio: f64,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection: 0.5,
            min_error_ratio: 10.0,
        }
    }
}

/// Bounds on the load of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CircuitBreaker {
    /// Requests to the cluster at once, from 1; none: unbounded.
    pub max_requests: Option<u32>,
}

/// Time limits toward an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// To open a connection. Default 1 s.
    #[serde(serialize_with = "units::serialize")]
    pub connect: Duration,
    /// Between two reads of the response. Default 60 s.
    #[serde(serialize_with = "units::serialize")]
    pub read: Duration,
    /// Between two writes of the request. Default 60 s.
    #[serde(serialize_with = "units::serialize")]
    pub write: Duration,
    /// A pooled connection without use is closed. Default 60 s.
    #[serde(serialize_with = "units::serialize")]
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            connect: Duration::from_secs(1),
            read: minute,
            write: minute,
            idle: minute,
        }
    }
}

/// Further tries of a failed request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// Tries beyond the first, 0 to 10. Default 2.
    pub attempts: u32,
    /// Retries as a share of requests, 0 to 1. Default 0.2.
    pub budget: f64,
    /// Retries per second that are allowed whatever the share. Default 10.
    pub min_per_second: u32,
    /// Upstream statuses that are tried again, 400 to 599, each once. Default: none.
    pub statuses: Vec<u16>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 2,
            budget: 0.2,
            min_per_second: 10,
            statuses: Vec::new(),
        }
    }
}
