//! Endpoints that come and go for a long time: series and memory stay bounded.

use crate::{
    backends::Backends,
    support::{edge::Edge, redis_server::RedisServer},
};

const SERVICE: &str = "user-service";
/// Endpoints at a time.
const AT_ONCE: usize = 50;
const ROUNDS: usize = 60;
/// Rounds before memory is first looked at.
const WARM: usize = 15;

fn resident_bytes(edge: &Edge) -> f64 {
    edge.metric("process_resident_memory_bytes", &[])
        .expect("the process tells its memory")
}

fn series(edge: &Edge) -> usize {
    let metrics = edge.admin_get("/metrics").text();
    metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count()
}

/// Replaces all records by those of one round.
fn register(redis: &RedisServer, round: usize) {
    for index in 0..AT_ONCE {
        // 127.x is this machine; nobody listens there.
        let host = format!("127.{}.{}.{}", 1 + round / 200, 1 + round % 200, 1 + index);
        let record = format!(r#"{{"serviceName": "{SERVICE}", "url": "http://{host}:9"}}"#);
        redis.register(SERVICE, &index.to_string(), &record);
    }
    redis.command(&["PUBLISH", "service-events", "{}"]);
}

#[test]
fn thousands_of_endpoints_one_after_another_leave_nothing_behind() {
    let redis = RedisServer::start();
    let backends = Backends::start(1);
    let mut edge = Edge::start(&format!(
        "access_log: off\nclusters: [{{ name: users, discovery: {{ redis: {{ url: \"{}\", service: {SERVICE}, interval: 100ms }} }}, outlier_detection: off, policy: random }}, {{ name: web, {} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: users }}]\n",
        redis.url(),
        backends.discovery([0])
    ));
    let (mut first_series, mut first_bytes) = (0, 0.0);
    for round in 1..=ROUNDS {
        register(&redis, round);
        let own = format!("endpoint=\"127.1.{}.", 1 + round);
        edge.await_true("this round's endpoints, and no others", |edge| {
            let metrics = edge.admin_get("/metrics").text();
            let endpoints = metrics
                .lines()
                .filter(|line| line.starts_with("lb_endpoint_healthy{cluster=\"users\""));
            let (mut own_ones, mut all) = (0, 0);
            for line in endpoints {
                all += 1;
                own_ones += usize::from(line.contains(&own));
            }
            (own_ones, all) == (AT_ONCE, AT_ONCE)
        });
        // Counters by status, made on first use, must go as well.
        assert_eq!(edge.get("/").status, 502);
        if round == WARM {
            (first_series, first_bytes) = (series(&edge), resident_bytes(&edge));
        }
    }
    let (last_series, last_bytes) = (series(&edge), resident_bytes(&edge));
    assert!(
        last_series <= first_series + AT_ONCE,
        "{first_series} series became {last_series}"
    );
    assert!(
        last_bytes <= first_bytes * 1.1,
        "{first_bytes} bytes became {last_bytes}"
    );
}
