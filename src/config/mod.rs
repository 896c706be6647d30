//! Configuration: a YAML file (the written form) read into validated settings (the meant form).
//! Every problem of a file is reported at once. This module imports nothing of ours.

mod units;
mod address;
mod policy;
mod cluster;
mod decision_log;
mod errors;
mod tree;
mod cursor;
mod substitute;
mod read_text;
mod read_policy;
mod read_cluster;
mod read_route;
mod read_decision_log;
mod read;
mod load;

pub use self::{
    address::{Cidr, HostPort, InvalidAddress, RedisUrl},
    cluster::{
        CircuitBreaker, Cluster, Discovery, Endpoint, HealthCheck, OutlierDetection, Probe,
        RedisDiscovery, Retry, Timeouts,
    },
    decision_log::{DecisionFormat, DecisionLog},
    errors::{ConfigErrors, Location, Problem},
    load::{load, parse},
    policy::{Choices, LoadSource, ModelRuntime, OnnxPolicy, Policy, Scoring},
};

use serde::Serialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// One valid configuration. Serializes with secrets left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The file it was read from.
    pub source: String,
    /// What only a restart or a hand-over changes.
    pub boot: Boot,
    /// What a reload replaces as one piece.
    pub runtime: Runtime,
}

/// Read once at start; a reload that changes it is refused and names the key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boot {
    /// Address of the admin port. Default `127.0.0.1:9901`; port 0: any free one.
    pub admin: SocketAddr,
    /// Where clients connect, at least one.
    pub listeners: Vec<Listener>,
    /// Worker threads, from 1. Default: the processors at hand.
    pub threads: usize,
    /// Whether `threads` is the default, which may be another one at the next look.
    #[serde(skip)]
    pub threads_are_default: bool,
    /// The end of the process on SIGTERM.
    pub shutdown: Shutdown,
    /// Hand-over to a new process.
    pub upgrade: Upgrade,
    /// Unused upstream connections kept per worker thread. Default 1024.
    pub upstream_keepalive_connections: usize,
}

/// An address where clients connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// Address and port; port 0: any free one.
    pub address: SocketAddr,
    /// Client connections at once, from 1. Default 65536.
    pub max_connections: usize,
    /// A client connection without a request is closed. Default 60 s.
    #[serde(serialize_with = "units::serialize")]
    pub keepalive_timeout: Duration,
    /// Requests on one client connection before it is closed, from 1; none: unbounded.
    pub keepalive_requests: Option<u32>,
}

impl Listener {
    /// A listener on `address`, everything else at its default.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            max_connections: 65_536,
            keepalive_timeout: Duration::from_secs(60),
            keepalive_requests: None,
        }
    }
}

/// The end of the process on SIGTERM: drain, then grace, then exit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shutdown {
    /// `/ready` answers false for this long before the listeners close. Default 1 s.
    #[serde(serialize_with = "units::serialize")]
    pub drain: Duration,
    /// Longest wait for running requests after that. Default 30 s.
    #[serde(serialize_with = "units::serialize")]
    pub grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(1),
            grace: Duration::from_secs(30),
        }
    }
}

/// Hand-over to a new process. By default in the system's temporary folder, named by the admin
/// port, so that two instances on one machine never share them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upgrade {
    /// Unix socket over which the listening sockets go, at most 107 bytes.
    pub socket: PathBuf,
    /// File with the process id.
    pub pid_file: PathBuf,
}

/// What a reload replaces as one piece.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Runtime {
    /// File with the token that admin POSTs must carry; none: they are all refused.
    pub admin_token_file: Option<PathBuf>,
    /// Where a line per request goes.
    pub access_log: AccessLog,
    /// Where sampled decisions are recorded; none: nowhere.
    pub decision_log: Option<DecisionLog>,
    /// Bounds on client requests.
    pub limits: Limits,
    /// Clients whose forwarding headers are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// The ONNX Runtime library; none: `ORT_DYLIB_PATH`, then the system's.
    pub model_library: Option<PathBuf>,
    /// Unique by name.
    pub clusters: Vec<Cluster>,
    /// At least one; unique by name and by what they match.
    pub routes: Vec<Route>,
}

/// Where a line per request goes. Default: standard output, which containers collect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// The end of a file.
    File(PathBuf),
}

/// Bounds on client requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Longest body, in bytes. Default 64 MiB.
    pub request_body: usize,
    /// All header lines together, in bytes, to just under 1 MiB. Default 32 KiB.
    pub request_headers: usize,
    /// Number of header lines, 1 to 256. Default 100.
    pub header_count: usize,
    /// Between two reads from the client within a request. Default 30 s.
    #[serde(serialize_with = "units::serialize")]
    pub request_read_timeout: Duration,
    /// Between two writes to the client. Default 30 s.
    #[serde(serialize_with = "units::serialize")]
    pub response_write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body: 64 << 20,
            request_headers: 32 << 10,
            header_count: 100,
            request_read_timeout: Duration::from_secs(30),
            response_write_timeout: Duration::from_secs(30),
        }
    }
}

/// Which requests go to which cluster. The longest matching prefix wins, an exact host before `*.`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Unique; as a cluster's name. Default `route-<index>`, counted from 0.
    pub name: String,
    /// Lower-case hosts without port, exact or `*.suffix`, IPv6 in brackets; empty: any host.
    pub hosts: Vec<String>,
    /// Start of the path, on a segment boundary: `/a` matches `/a` and `/a/b`, not `/ab`. Default `/`.
    pub path_prefix: String,
    /// Taken off the path; no trailing `/`, and the rest starts with `/` (or is empty: then `/`).
    pub strip_prefix: Option<String>,
    /// Name of the cluster, which exists.
    pub cluster: String,
}

/// The first boot setting in which two configurations differ: what a reload may not change.
pub fn changed_boot_key(old: &Boot, new: &Boot) -> Option<&'static str> {
    // Taken apart in full, so that a new setting cannot be forgotten here.
    let Boot {
        admin,
        listeners,
        threads,
        threads_are_default,
        shutdown,
        upgrade,
        upstream_keepalive_connections,
    } = new;
    // A container may be given other processors; nobody changed the setting then.
    let both_default = old.threads_are_default && *threads_are_default;
    let changes = [
        ("admin.address", old.admin != *admin),
        ("listeners", old.listeners != *listeners),
        ("threads", !both_default && old.threads != *threads),
        ("shutdown", old.shutdown != *shutdown),
        ("upgrade", old.upgrade != *upgrade),
        (
            "upstream_keepalive_connections",
            old.upstream_keepalive_connections != *upstream_keepalive_connections,
        ),
    ];
    let changed = changes.into_iter().find(|(_, changed)| *changed);
    changed.map(|(key, _)| key)
}

#[cfg(test)]
mod tests;
