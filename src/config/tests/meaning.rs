//! What valid files mean: the sample of issue 2, defaults, other forms, and the dump.

use super::MINIMAL;
use crate::config::{
    AccessLog, Choices, Config, DecisionFormat, DecisionLog, Discovery, HealthCheck, Listener,
    LoadSource, ModelRuntime, OnnxPolicy, OutlierDetection, Policy, Probe, Scoring,
    changed_boot_key, parse,
};
use std::{path::PathBuf, time::Duration};

/// The sample of issue 2, which has to work as it stands.
const ISSUE_2: &str = r#"
admin: { address: 127.0.0.1:9901 }
listeners: [{ address: 127.0.0.1:8080 }]
clusters:
  - name: web
    discovery: { static: { endpoints: [{ address: 127.0.0.1:9001 }, { address: 127.0.0.1:9002, weight: 2 }] } }
    health_check: { path: /health, interval: 1s, timeout: 500ms, healthy_threshold: 2, unhealthy_threshold: 2 }
    outlier_detection: { consecutive_5xx: 5, interval: 5s, base_ejection_time: 5s, max_ejection_percent: 50 }
    policy: { type: onnx, model: models/default, runtime: auto, fallback: peak_ewma }
  - name: users
    discovery: { redis: { url: "redis://127.0.0.1:6379", service: user-service } }
    policy: { type: least_request }
routes:
  - { match: { path_prefix: /proxy/user-service/ }, strip_prefix: /proxy/user-service, cluster: users }
  - { match: { path_prefix: / }, cluster: web }
"#;

fn env(name: &str) -> Option<String> {
    match name {
        "THREADS" => Some("3".into()),
        "INTERVAL" => Some("250ms".into()),
        "TCP" => Some("true".into()),
        "PASSWORD" => Some("s3cret".into()),
        _ => None,
    }
}

fn config(yaml: &str) -> Config {
    parse(yaml, "test", &env).unwrap_or_else(|errors| panic!("must be valid:\n{errors}"))
}

/// The minimal file with `setting` added to its cluster.
fn cluster(setting: &str) -> crate::config::Cluster {
    let yaml = MINIMAL.replace("name: web,", &format!("name: web, {setting},"));
    config(&yaml).runtime.clusters.remove(0)
}

#[test]
fn the_sample_of_issue_2_means_what_it_says() {
    let config = config(ISSUE_2);
    let web = &config.runtime.clusters[0];
    let users = &config.runtime.clusters[1];
    let Discovery::Static { endpoints } = &web.discovery else {
        panic!("web is static");
    };
    let shown: Vec<_> = endpoints
        .iter()
        .map(|e| (e.address.to_string(), e.weight))
        .collect();
    assert_eq!(
        shown,
        [("127.0.0.1:9001".into(), 1), ("127.0.0.1:9002".into(), 2)]
    );
    let probe = Probe::Http {
        path: "/health".into(),
        host: None,
    };
    assert_eq!(web.health_check, Some(HealthCheck::new(probe)));
    let five_seconds = Duration::from_secs(5);
    let outliers = OutlierDetection {
        interval: five_seconds,
        base_ejection_time: five_seconds,
        ..OutlierDetection::default()
    };
    assert_eq!(web.outlier_detection, Some(outliers));
    assert_eq!(web.policy, Policy::Onnx(OnnxPolicy::new("models/default")));
    let two = Policy::LeastRequest {
        choices: Choices::Two,
        load: LoadSource::Own,
        error_factor: 0.0,
    };
    assert_eq!(users.policy, two);
    let route = &config.runtime.routes[0];
    assert_eq!(route.path_prefix, "/proxy/user-service/");
    assert_eq!(route.strip_prefix.as_deref(), Some("/proxy/user-service"));
    assert_eq!(
        (route.name.as_str(), route.cluster.as_str()),
        ("route-0", "users")
    );
}

#[test]
fn a_minimal_file_gets_the_documented_defaults() {
    let config = config(MINIMAL);
    let cluster = &config.runtime.clusters[0];
    assert_eq!(config.boot.admin.to_string(), "127.0.0.1:9901");
    assert_eq!(
        config.boot.listeners,
        [Listener::new("127.0.0.1:8080".parse().unwrap())]
    );
    assert_eq!(config.boot.upstream_keepalive_connections, 1024);
    assert_eq!(config.runtime.access_log, AccessLog::Stdout);
    assert_eq!(cluster.policy, Policy::PEAK_EWMA);
    assert_eq!(cluster.health_check, None);
    assert_eq!(cluster.outlier_detection, Some(OutlierDetection::default()));
    assert_eq!(cluster.circuit_breaker.max_requests, None);
    assert!((cluster.panic_threshold - 0.5).abs() < 1e-9);
}

#[test]
fn every_policy_is_read_by_word_or_by_mapping() {
    let with_defaults = [
        ("round_robin", Policy::RoundRobin),
        ("random", Policy::Random),
        (
            "least_request",
            Policy::LeastRequest {
                choices: Choices::Two,
                load: LoadSource::Own,
                error_factor: 0.0,
            },
        ),
        ("peak_ewma", Policy::PEAK_EWMA),
        ("shortest_expected_delay", Policy::ShortestExpectedDelay),
        (
            "client_side_weighted_round_robin",
            Policy::ClientSideWeightedRoundRobin,
        ),
        ("prequal", Policy::Prequal { quantile: 0.4 }),
        ("c3", Policy::C3 { error_factor: 0.0 }),
        ("ring_hash", Policy::RingHash { header: None }),
    ];
    for (word, policy) in with_defaults {
        assert_eq!(cluster(&format!("policy: {word}")).policy, policy);
        assert_eq!(
            cluster(&format!("policy: {{ type: {word} }}")).policy,
            policy
        );
    }
    let settled = "policy: { type: least_request, choices: all, load: reported, error_factor: 20 }";
    assert_eq!(
        cluster(settled).policy,
        Policy::LeastRequest {
            choices: Choices::All,
            load: LoadSource::Reported,
            error_factor: 20.0,
        }
    );
    let settled = "policy: { type: peak_ewma, choices: 2, error_factor: 0 }";
    assert_eq!(
        cluster(settled).policy,
        Policy::PeakEwma {
            choices: Choices::Two,
            error_factor: 0.0,
        }
    );
    let keyed = cluster("policy: { type: ring_hash, header: X-User }").policy;
    assert_eq!(
        keyed,
        Policy::RingHash {
            header: Some("x-user".into())
        }
    );
}

#[test]
fn the_learned_policy_takes_all_its_settings() {
    let policy = cluster(
        "policy: { type: onnx, model: m, runtime: onnxruntime, scoring: interval, scoring_interval: 2ms,
           exploration_percent: 0.5, exploration_range: 7, saturation_errors_percent: 30,
           share_cap: 2, score_budget: 1ms, fallback: { type: prequal, quantile: 0.6 } }",
    )
    .policy;
    let expected = OnnxPolicy {
        model: PathBuf::from("m"),
        runtime: ModelRuntime::OnnxRuntime,
        fallback: Box::new(Policy::Prequal { quantile: 0.6 }),
        scoring: Scoring::Interval(Duration::from_millis(2)),
        exploration: 0.005,
        exploration_range: 7.0,
        saturation_errors: 0.3,
        share_cap: 2.0,
        score_budget: Duration::from_millis(1),
    };
    assert_eq!(policy, Policy::Onnx(expected));
}

#[test]
fn switches_and_other_forms_are_understood() {
    assert_eq!(cluster("outlier_detection: off").outlier_detection, None);
    let tcp = cluster("health_check: { tcp: true, interval: 100ms }")
        .health_check
        .unwrap();
    assert_eq!(tcp.probe, Probe::Tcp);
    assert_eq!(
        tcp.timeout,
        Duration::from_millis(100),
        "never longer than the interval"
    );
    let slow = cluster("slow_start: { window: 10s }").slow_start;
    assert_eq!(slow, Some(Duration::from_secs(10)));
    let log = |form: &str| {
        config(&format!("access_log: {form}\n{MINIMAL}"))
            .runtime
            .access_log
    };
    assert_eq!(log("off"), AccessLog::Off);
    assert_eq!(log("{ file: a.log }"), AccessLog::File("a.log".into()));
}

#[test]
fn the_decision_log_is_off_unless_it_has_a_folder() {
    let log = |form: &str| {
        config(&format!("decision_log: {form}\n{MINIMAL}"))
            .runtime
            .decision_log
    };
    assert_eq!(config(MINIMAL).runtime.decision_log, None);
    assert_eq!(log("off"), None);
    assert_eq!(log("{ folder: d }"), Some(DecisionLog::new("d")));
    let all = log(
        "{ folder: d, format: jsonl, sample_percent: 0.5, max_file_size: 1MiB, max_files: 2, max_file_age: 1m, queue: 7, keep: 0 }",
    );
    let expected = DecisionLog {
        folder: PathBuf::from("d"),
        format: DecisionFormat::Jsonl,
        sample: 0.005,
        max_file_size: 1 << 20,
        max_files: 2,
        max_file_age: Duration::from_secs(60),
        queue: 7,
        keep: 0,
    };
    assert_eq!(all, Some(expected));
}

#[test]
fn a_lone_variable_may_be_a_number_a_duration_or_a_switch() {
    assert_eq!(
        config(&format!("threads: ${{THREADS}}\n{MINIMAL}"))
            .boot
            .threads,
        3
    );
    let check = cluster("health_check: { tcp: '${TCP}', interval: '${INTERVAL}' }").health_check;
    assert_eq!(check.unwrap().interval, Duration::from_millis(250));
}

#[test]
fn hosts_are_lower_cased_and_a_strip_prefix_loses_its_trailing_slash() {
    let yaml = MINIMAL.replace(
        "match: { path_prefix: / }",
        "match: { hosts: ['*.Example.COM', '[::0001]'], path_prefix: /a/b }, strip_prefix: /a/",
    );
    let route = config(&yaml).runtime.routes.remove(0);
    assert_eq!(route.hosts, ["*.example.com", "[::1]"]);
    assert_eq!(route.strip_prefix.as_deref(), Some("/a"));
}

#[test]
fn ports_may_be_left_to_the_system_and_instances_stay_apart() {
    let yaml = "admin: { address: 127.0.0.1:0 }\n".to_owned()
        + &MINIMAL.replace(
            "127.0.0.1:8080 }",
            "127.0.0.1:0 }, { address: 127.0.0.1:0 }",
        );
    assert_eq!(config(&yaml).boot.listeners.len(), 2);
    let upgrade = |port: u16| {
        config(&format!(
            "admin: {{ address: '127.0.0.1:{port}' }}\n{MINIMAL}"
        ))
        .boot
        .upgrade
    };
    assert_ne!(upgrade(9901).socket, upgrade(9902).socket);
    assert_ne!(upgrade(9901).pid_file, upgrade(9902).pid_file);
}

#[test]
fn the_dump_is_json_without_secrets() {
    let yaml = ISSUE_2.replace("redis://127", "redis://:${PASSWORD}@127");
    let config = config(&yaml);
    let json = serde_json::to_string(&config).unwrap();
    assert!(!format!("{json} {config:?}").contains("s3cret"), "{json}");
    let dump: serde_json::Value = serde_json::from_str(&json).unwrap();
    let web = &dump["runtime"]["clusters"][0];
    assert_eq!(web["health_check"]["timeout"], "500ms");
    assert_eq!(web["policy"]["type"], "onnx");
    assert_eq!(web["policy"]["scoring"], "per_request");
    assert_eq!(web["policy"]["score_budget"], "50us");
    assert_eq!(
        dump["runtime"]["clusters"][1]["discovery"]["redis"]["url"],
        "redis://:***@127.0.0.1:6379"
    );
}

#[test]
fn a_changed_boot_setting_is_named_and_a_changed_runtime_setting_is_not() {
    let old = config(MINIMAL).boot;
    let changed = |yaml: String| changed_boot_key(&old, &config(&yaml).boot);
    let with = |setting: &str| changed(format!("{setting}\n{MINIMAL}"));
    assert_eq!(with("access_log: off"), None);
    assert_eq!(with("admin: { token_file: t }"), None);
    assert_eq!(
        with("admin: { address: 127.0.0.1:9902 }"),
        Some("admin.address")
    );
    assert_eq!(with("threads: 77"), Some("threads"));
    assert_eq!(with("shutdown: { drain: 2s }"), Some("shutdown"));
    assert_eq!(with("upgrade: { socket: s }"), Some("upgrade"));
    let kept = with("upstream_keepalive_connections: 5");
    assert_eq!(kept, Some("upstream_keepalive_connections"));
    assert_eq!(changed(MINIMAL.replace("8080", "8081")), Some("listeners"));
}
