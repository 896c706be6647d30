//! What invalid clusters and policies are told.

use super::{MINIMAL, assert_begins, problems};

/// The minimal file with a setting added to its cluster.
fn cluster(setting: &str) -> String {
    problems(&MINIMAL.replace("name: web,", &format!("name: web, {setting},")))
}

/// A cluster setting, the key path of its problem, and words of the message.
const CLUSTER_CASES: &[(&str, &str, &str)] = &[
    ("name: 'a b'", "name", "written twice"),
    (
        "panic_threshold_percent: 101",
        "panic_threshold_percent",
        "from 0 to 100",
    ),
    (
        "slow_start: { window: 0s }",
        "slow_start.window",
        "duration from 100ms",
    ),
    ("slow_start: {}", "slow_start.window", "required"),
    (
        "circuit_breaker: { max_requests: 0 }",
        "circuit_breaker.max_requests",
        "from 1",
    ),
    ("timeouts: { read: 0s }", "timeouts.read", "from 1ms to 1h"),
    (
        "timeouts: { connect: 2h }",
        "timeouts.connect",
        "from 1ms to 1h",
    ),
    ("retry: { attempts: 11 }", "retry.attempts", "from 0 to 10"),
    (
        "retry: { statuses: [200] }",
        "retry.statuses[0]",
        "from 400 to 599",
    ),
    (
        "retry: { statuses: [503, 503] }",
        "retry.statuses[1]",
        "statuses[0]",
    ),
    (
        "outlier_detection: { max_ejection_percent: -1 }",
        "outlier_detection.max_ejection_percent",
        "0 to 100",
    ),
    (
        "outlier_detection: { min_error_ratio: -1 }",
        "outlier_detection.min_error_ratio",
        "from 0 to 1000",
    ),
    (
        "outlier_detection: no",
        "outlier_detection",
        "must be one of off",
    ),
    (
        "health_check: { path: /, timeout: 2s }",
        "health_check.timeout",
        "longer than the interval",
    ),
    (
        "health_check: { path: /, healthy_threshold: 0 }",
        "health_check.healthy_threshold",
        "from 1",
    ),
    (
        "health_check: {}",
        "health_check",
        "either `path` (HTTP) or `tcp: true`",
    ),
    (
        "health_check: { path: /, tcp: true }",
        "health_check",
        "either `path`",
    ),
    (
        "health_check: { tcp: true, host: a }",
        "health_check.host",
        "no effect",
    ),
    (
        "health_check: { path: /, host: 'a\\nb' }",
        "health_check.host",
        "not a host",
    ),
    (
        "health_check: { path: '/a b' }",
        "health_check.path",
        "not a path",
    ),
];

#[test]
fn ranges_of_cluster_settings_are_checked() {
    for (setting, place, expected) in CLUSTER_CASES {
        assert_begins(&cluster(setting), &format!("clusters[0].{place}"), expected);
    }
}

/// A policy, the key path of its problem, and words of the message.
const POLICY_CASES: &[(&str, &str, &str)] = &[
    (
        "policy: fastest",
        "policy",
        "must be one of round_robin, random",
    ),
    (
        "policy: { type: fastest, speed: 3 }",
        "policy.type",
        "must be one of",
    ),
    ("policy: { choices: 2 }", "policy.type", "is required"),
    ("policy: onnx", "policy.model", "is required"),
    (
        "policy: { type: random, choices: 2 }",
        "policy.choices",
        "unknown key",
    ),
    (
        "policy: { type: least_request, choices: 3 }",
        "policy.choices",
        "one of 2, all",
    ),
    (
        "policy: { type: prequal, quantile: 1.5 }",
        "policy.quantile",
        "from 0 to 1",
    ),
    (
        "policy: { type: ring_hash, header: 'a b' }",
        "policy.header",
        "not a header name",
    ),
    (
        "policy: { type: onnx, model: '' }",
        "policy.model",
        "not a file path",
    ),
    (
        "policy: { type: onnx, model: m, runtime: gpu }",
        "policy.runtime",
        "one of auto, native",
    ),
    (
        "policy: { type: onnx, model: m, exploration_percent: 51 }",
        "policy.exploration_percent",
        "to 50",
    ),
    (
        "policy: { type: onnx, model: m, share_cap: 0.9 }",
        "policy.share_cap",
        "from 1",
    ),
    (
        "policy: { type: onnx, model: m, score_budget: 0s }",
        "policy.score_budget",
        "from 1us",
    ),
    (
        "policy: { type: onnx, model: m, scoring_interval: 5ms }",
        "policy.scoring_interval",
        "no effect",
    ),
    (
        "policy: { type: onnx, model: m, fallback: { type: onnx, model: n } }",
        "policy.fallback.type",
        "must be one of round_robin",
    ),
    (
        "policy: { type: onnx, model: m, fallback: onnx }",
        "policy.fallback",
        "must be one of round_robin",
    ),
];

#[test]
fn ranges_of_policy_settings_are_checked() {
    for (setting, place, expected) in POLICY_CASES {
        assert_begins(&cluster(setting), &format!("clusters[0].{place}"), expected);
    }
}

#[test]
fn redis_settings_are_checked_and_the_url_is_not_shown() {
    let redis = |settings: &str| {
        let discovery = format!("redis: {{ {settings} }}");
        problems(&MINIMAL.replace(
            "static: { endpoints: [{ address: a.example:80 }] }",
            &discovery,
        ))
    };
    let place = "clusters[0].discovery.redis";
    let found = redis("url: 'http://:s3cret@r', service: s");
    assert_begins(&found, &format!("{place}.url"), "not a Redis URL");
    assert!(!found.contains("s3cret"), "{found}");
    assert_begins(
        &redis("url: 'redis://r'"),
        &format!("{place}.service"),
        "required",
    );
    assert_begins(
        &redis("url: 'redis://r', service: 'a*'"),
        &format!("{place}.service"),
        "not a name",
    );
    assert_begins(
        &redis("url: 'redis://r', service: s, interval: 2s, max_age: 1s"),
        place,
        "max_age",
    );
}
