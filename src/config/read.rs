//! Reads the whole file: boot and run-time settings.

use super::{
    AccessLog, Boot, Config, Limits, Listener, Runtime, Shutdown, Upgrade,
    cursor::{Fields, Place},
    read_cluster::clusters,
    read_decision_log::decision_log,
    read_route::routes,
    read_text::{Once, file_path},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

const HOUR: Duration = Duration::from_secs(3600);
/// Waits on a client.
const WAITS: RangeInclusive<Duration> = Duration::from_millis(1)..=HOUR;
const ADMIN_PORT: u16 = 9901;

/// Reads the mapping at `root`.
pub(super) fn config(root: &Place<'_>, source: &str) -> Config {
    let file = root.fields();
    let admin = file.section("admin");
    Config {
        source: source.to_owned(),
        boot: boot(&file, &admin),
        runtime: runtime(&file, &admin),
    }
}

fn boot(file: &Fields<'_>, admin: &Fields<'_>) -> Boot {
    const MOST_THREADS: usize = 1024;
    const MOST_KEPT: usize = 1_000_000;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut addresses = Once::new();
    let admin = admin
        .get("address")
        .and_then(|place| socket_address(&place, &mut addresses));
    let admin = admin.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT)));
    Boot {
        admin,
        listeners: listeners(file, &mut addresses),
        threads: file.integer("threads", cores, 1..=MOST_THREADS),
        threads_are_default: file.get("threads").is_none(),
        shutdown: shutdown(&file.section("shutdown")),
        upgrade: upgrade(&file.section("upgrade"), admin.port()),
        upstream_keepalive_connections: file.integer(
            "upstream_keepalive_connections",
            1024,
            1..=MOST_KEPT,
        ),
    }
}

fn runtime(file: &Fields<'_>, admin: &Fields<'_>) -> Runtime {
    let clusters = clusters(file);
    Runtime {
        admin_token_file: admin.get("token_file").as_ref().and_then(file_path),
        access_log: access_log(file.get("access_log")),
        decision_log: file.get("decision_log").as_ref().and_then(decision_log),
        limits: limits(&file.section("limits")),
        trusted_proxies: trusted_proxies(file.get("trusted_proxies")),
        model_library: file
            .section("model_runtime")
            .get("library")
            .as_ref()
            .and_then(file_path),
        routes: routes(file, &clusters),
        clusters,
    }
}

fn listeners(file: &Fields<'_>, addresses: &mut Once<SocketAddr>) -> Vec<Listener> {
    let Some(list) = file.required("listeners") else {
        return Vec::new();
    };
    if list.is_empty() {
        list.problem("needs at least one listener");
    }
    list.items()
        .filter_map(|place| listener(&place, addresses))
        .collect()
}

fn listener(place: &Place<'_>, addresses: &mut Once<SocketAddr>) -> Option<Listener> {
    const MOST_CONNECTIONS: usize = 10_000_000;
    let fields = place.fields();
    let address = fields
        .required("address")
        .and_then(|place| socket_address(&place, addresses));
    let default = Listener::new(address.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
    let keepalive_requests = fields.get("keepalive_requests");
    let listener = Listener {
        max_connections: fields.integer(
            "max_connections",
            default.max_connections,
            1..=MOST_CONNECTIONS,
        ),
        keepalive_timeout: fields.duration("keepalive_timeout", default.keepalive_timeout, WAITS),
        keepalive_requests: keepalive_requests.and_then(|place| place.integer(1..=u32::MAX)),
        ..default
    };
    address.map(|_| listener)
}

/// An address of ours; port 0 leaves the choice to the system, so it may be written repeatedly.
fn socket_address(place: &Place<'_>, addresses: &mut Once<SocketAddr>) -> Option<SocketAddr> {
    let address: SocketAddr = place.parse("an IP address with a port (write 127.0.0.1:8080)")?;
    if address.port() != 0 {
        addresses.check(address, place);
    }
    Some(address)
}

fn shutdown(fields: &Fields<'_>) -> Shutdown {
    let default = Shutdown::default();
    let pauses = Duration::ZERO..=HOUR;
    Shutdown {
        drain: fields.duration("drain", default.drain, pauses.clone()),
        grace: fields.duration("grace", default.grace, pauses),
    }
}

fn upgrade(fields: &Fields<'_>, admin_port: u16) -> Upgrade {
    /// What a Unix socket address has room for.
    const LONGEST_SOCKET_PATH: usize = 107;
    let socket_place = fields.get("socket");
    let socket = socket_place.as_ref().and_then(file_path);
    let socket = socket.unwrap_or_else(|| instance_file(admin_port, "sock"));
    if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
        match &socket_place {
            Some(place) => place.problem("longer than 107 bytes, too long for a Unix socket"),
            None => fields.problem("the temporary folder's path is too long: set `socket`"),
        }
    }
    let pid_file = fields.get("pid_file").as_ref().and_then(file_path);
    Upgrade {
        socket,
        pid_file: pid_file.unwrap_or_else(|| instance_file(admin_port, "pid")),
    }
}

/// A file of this instance alone: named by its admin port, or by its process where that is open.
fn instance_file(admin_port: u16, extension: &str) -> PathBuf {
    let name = match admin_port {
        0 => format!("ai-loadbalancer-process-{}.{extension}", std::process::id()),
        port => format!("ai-loadbalancer-{port}.{extension}"),
    };
    std::env::temp_dir().join(Path::new(&name))
}

fn access_log(place: Option<Place<'_>>) -> AccessLog {
    let Some(place) = place else {
        return AccessLog::default();
    };
    if place.is_mapping() {
        let file = place.fields().required("file").as_ref().and_then(file_path);
        return file.map_or_else(AccessLog::default, AccessLog::File);
    }
    let table = [
        ("off", AccessLog::Off),
        ("stdout", AccessLog::Stdout),
        ("stderr", AccessLog::Stderr),
    ];
    place.word(&table).unwrap_or_default()
}

fn limits(fields: &Fields<'_>) -> Limits {
    /// What the HTTP/1 parser of Pingora 0.9 takes: header bytes and lines.
    const MOST_HEADER_BYTES: usize = 1_048_575;
    const MOST_HEADERS: usize = 256;
    const MOST_BODY_BYTES: usize = 1 << 40;
    let default = Limits::default();
    let wait = |key, default| fields.duration(key, default, WAITS);
    Limits {
        request_body: fields.size("request_body", default.request_body, 0..=MOST_BODY_BYTES),
        request_headers: fields.size(
            "request_headers",
            default.request_headers,
            1024..=MOST_HEADER_BYTES,
        ),
        header_count: fields.integer("header_count", default.header_count, 1..=MOST_HEADERS),
        request_read_timeout: wait("request_read_timeout", default.request_read_timeout),
        response_write_timeout: wait("response_write_timeout", default.response_write_timeout),
    }
}

fn trusted_proxies(list: Option<Place<'_>>) -> Vec<super::Cidr> {
    let expected = "an address or range (write 10.0.0.0/8, no bits behind the prefix)";
    let places = list.iter().flat_map(Place::items);
    places.filter_map(|place| place.parse(expected)).collect()
}
