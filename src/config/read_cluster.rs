//! Reads clusters: endpoints, health, limits and retries.

use super::{
    cluster::{
        CircuitBreaker, Cluster, Discovery, Endpoint, HealthCheck, OutlierDetection, Probe,
        RedisDiscovery, Retry, Timeouts,
    },
    cursor::{Fields, Place},
    policy::Policy,
    read_policy::policy,
    read_text::{Once, host_header, name, path_and_query},
};
use std::{ops::RangeInclusive, time::Duration};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Shorter pauses between checks or passes would be load in themselves.
const PAUSES: RangeInclusive<Duration> = Duration::from_millis(10)..=HOUR;

/// Reads the list under `clusters`.
pub(super) fn clusters(file: &Fields<'_>) -> Vec<Cluster> {
    let Some(list) = file.required("clusters") else {
        return Vec::new();
    };
    let mut names = Once::new();
    list.items()
        .map(|place| cluster(&place, &mut names))
        .collect()
}

fn cluster(place: &Place<'_>, names: &mut Once<String>) -> Cluster {
    let fields = place.fields();
    let name_place = fields.required("name");
    let name = name_place.as_ref().map(name).unwrap_or_default();
    if let Some(place) = &name_place {
        names.check(name.clone(), place);
    }
    Cluster {
        name,
        discovery: discovery(&fields),
        health_check: fields
            .get("health_check")
            .map(|place| health_check(&place.fields())),
        outlier_detection: outlier_detection(fields.get("outlier_detection")),
        panic_threshold: fields.percent("panic_threshold_percent", Cluster::PANIC_THRESHOLD, 100.0),
        slow_start: fields
            .get("slow_start")
            .and_then(|place| slow_start(&place)),
        circuit_breaker: circuit_breaker(&fields.section("circuit_breaker")),
        timeouts: timeouts(&fields.section("timeouts")),
        retry: retry(&fields.section("retry")),
        policy: fields
            .get("policy")
            .map_or(Policy::default(), |place| policy(&place)),
    }
}

fn discovery(cluster: &Fields<'_>) -> Discovery {
    let nothing = Discovery::Static {
        endpoints: Vec::new(),
    };
    let Some(place) = cluster.required("discovery") else {
        return nothing;
    };
    let fields = place.fields();
    match (fields.get("static"), fields.get("redis")) {
        (Some(place), None) => Discovery::Static {
            endpoints: endpoints(&place.fields()),
        },
        (None, Some(place)) => redis(&place.fields()).map_or(nothing, Discovery::Redis),
        _ => {
            place.problem("must hold either `static` or `redis`");
            nothing
        }
    }
}

fn endpoints(fields: &Fields<'_>) -> Vec<Endpoint> {
    let Some(list) = fields.required("endpoints") else {
        return Vec::new();
    };
    if list.is_empty() {
        list.problem("needs at least one endpoint");
    }
    let mut addresses = Once::new();
    let endpoints = list
        .items()
        .filter_map(|place| endpoint(&place, &mut addresses));
    endpoints.collect()
}

fn endpoint(place: &Place<'_>, addresses: &mut Once<String>) -> Option<Endpoint> {
    let fields = place.fields();
    let weight = fields.integer("weight", 1, 1..=1000);
    let place = fields.required("address")?;
    let address = place.parse("an endpoint address (write 10.0.0.1:80, [::1]:80 or name:80)")?;
    let endpoint = Endpoint { address, weight };
    addresses.check(endpoint.address.to_string(), &place);
    Some(endpoint)
}

fn redis(fields: &Fields<'_>) -> Option<RedisDiscovery> {
    let url = fields.required("url");
    let service = fields.required("service").as_ref().map(name);
    let interval = fields.duration("interval", RedisDiscovery::INTERVAL, PAUSES);
    let ages = SECOND..=30 * DAY;
    let max_age = fields.duration("max_age", RedisDiscovery::MAX_AGE, ages);
    if max_age < interval {
        fields.problem("max_age must not be shorter than interval");
    }
    let url = url?.parse_secret("a Redis URL (write redis://host:6379)");
    Some(RedisDiscovery {
        url: url?,
        service: service?,
        interval,
        max_age,
    })
}

fn health_check(fields: &Fields<'_>) -> HealthCheck {
    let default = HealthCheck::new(probe(fields));
    let interval = fields.duration("interval", default.interval, PAUSES);
    let timeout = fields.get("timeout");
    let written = timeout
        .as_ref()
        .and_then(|place| place.duration(MILLISECOND..=HOUR));
    if let (Some(place), Some(written)) = (timeout, written)
        && written > interval
    {
        place.problem("must not be longer than the interval");
    }
    let thresholds = 1..=1000;
    HealthCheck {
        interval,
        timeout: written.unwrap_or(default.timeout.min(interval)),
        healthy_threshold: fields.integer(
            "healthy_threshold",
            default.healthy_threshold,
            thresholds.clone(),
        ),
        unhealthy_threshold: fields.integer(
            "unhealthy_threshold",
            default.unhealthy_threshold,
            thresholds,
        ),
        probe: default.probe,
    }
}

fn probe(fields: &Fields<'_>) -> Probe {
    let path = fields.get("path");
    let host = fields.get("host");
    let tcp = fields
        .get("tcp")
        .and_then(|place| place.flag())
        .unwrap_or(false);
    match (path, tcp) {
        (Some(path), false) => Probe::Http {
            path: path_and_query(&path).unwrap_or_default(),
            host: host.as_ref().and_then(host_header),
        },
        (None, true) => {
            if let Some(host) = host {
                host.problem("has no effect on a TCP check");
            }
            Probe::Tcp
        }
        _ => {
            fields.problem("must hold either `path` (HTTP) or `tcp: true`");
            Probe::Tcp
        }
    }
}

/// On unless it says `off`.
fn outlier_detection(place: Option<Place<'_>>) -> Option<OutlierDetection> {
    let default = OutlierDetection::default();
    let Some(place) = place else {
        return Some(default);
    };
    if place.is_scalar() {
        return place.word(&[("off", None)]).flatten();
    }
    let fields = place.fields();
    let intervals = Duration::from_millis(100)..=HOUR;
    let times = Duration::from_millis(100)..=DAY;
    Some(OutlierDetection {
        consecutive_5xx: fields.integer("consecutive_5xx", default.consecutive_5xx, 1..=1_000_000),
        interval: fields.duration("interval", default.interval, intervals),
        base_ejection_time: fields.duration(
            "base_ejection_time",
            default.base_ejection_time,
            times,
        ),
        max_ejection: fields.percent("max_ejection_percent", default.max_ejection, 100.0),
        min_error_ratio: fields.number("min_error_ratio", default.min_error_ratio, 0.0..=1000.0),
    })
}

fn slow_start(place: &Place<'_>) -> Option<Duration> {
    let window = place.fields().required("window");
    window?.duration(Duration::from_millis(100)..=HOUR)
}

fn circuit_breaker(fields: &Fields<'_>) -> CircuitBreaker {
    let max_requests = fields.get("max_requests");
    CircuitBreaker {
        max_requests: max_requests.and_then(|place| place.integer(1..=u32::MAX)),
    }
}

fn timeouts(fields: &Fields<'_>) -> Timeouts {
    let default = Timeouts::default();
    let waits = MILLISECOND..=HOUR;
    Timeouts {
        connect: fields.duration("connect", default.connect, waits.clone()),
        read: fields.duration("read", default.read, waits.clone()),
        write: fields.duration("write", default.write, waits.clone()),
        idle: fields.duration("idle", default.idle, waits),
    }
}

fn retry(fields: &Fields<'_>) -> Retry {
    const MOST_ATTEMPTS: u32 = 10;
    let default = Retry::default();
    Retry {
        attempts: fields.integer("attempts", default.attempts, 0..=MOST_ATTEMPTS),
        budget: fields.percent("budget_percent", default.budget, 100.0),
        min_per_second: fields.integer("min_per_second", default.min_per_second, 0..=1_000_000),
        statuses: statuses(fields.get("statuses")),
    }
}

fn statuses(list: Option<Place<'_>>) -> Vec<u16> {
    let mut once = Once::new();
    let mut statuses = Vec::new();
    for place in list.iter().flat_map(Place::items) {
        if let Some(status) = place.integer(400..=599) {
            once.check(status, &place);
            statuses.push(status);
        }
    }
    statuses
}
