//! Command line: configuration check, model check, health check, usage.

use crate::{
    authored,
    backends::Backends,
    run_to_end::{binary, end_of, run},
    support::edge::{Edge, in_repository},
};
use serde_json::Value;
use std::{fs, net::TcpListener};

/// The configuration that issue 2 gives; it must work as it stands.
const SAMPLE: &str = r#"
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

#[test]
fn the_example_configuration_passes_the_check() {
    for arguments in [
        &["-t"][..],
        &["-t", "-c", "conf/edge.yaml"],
        &["run", "--test"],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        assert!(ended.out.contains("2 clusters, 2 routes"), "{}", ended.out);
    }
}

#[test]
fn the_sample_of_the_first_issue_passes_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("edge.yaml");
    fs::write(&path, SAMPLE).expect("written");
    let ended = run(&["-t", "-c", &path.display().to_string()]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn the_check_refuses_what_a_start_would_refuse_and_binds_no_port() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("edge.yaml");
    let check = |text: &str| {
        fs::write(&path, text).expect("written");
        run(&["-t", "-c", &path.display().to_string()])
    };
    let in_use = check(&SAMPLE.replace("127.0.0.1:8080", &address));
    assert_eq!(in_use.code, Some(0), "{}", in_use.err);
    let unknown = check(&SAMPLE.replace("service: user-service", "servise: user-service"));
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown.err.contains("servise") && unknown.err.contains("clusters[1].discovery.redis"),
        "{}",
        unknown.err
    );
    let model = check(&SAMPLE.replace("models/default", "models/other"));
    assert_eq!(model.code, Some(1));
    assert!(model.err.contains("models/other"), "{}", model.err);
}

#[test]
fn the_check_warns_of_a_broken_newest_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, model) = (folder.path().join("edge.yaml"), folder.path().join("m"));
    authored::write_good(&model, 1, 0.0);
    authored::write_not_a_number(&model, 2);
    let text = SAMPLE.replace("models/default", &model.display().to_string());
    fs::write(&path, text).expect("written");
    let ended = run(&["-t", "-c", &path.display().to_string()]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let newest = model.join("2").display().to_string();
    assert!(
        ended.out.contains("warning") && ended.out.contains(&newest),
        "{}",
        ended.out
    );
}

#[test]
fn wrong_usage_is_exit_2_and_help_and_version_are_exit_0() {
    for wrong in [
        &["--colour"][..],
        &["fly"],
        &["model"],
        &["model", "check"],
        &["-c"],
    ] {
        let ended = run(wrong);
        assert_eq!(ended.code, Some(2), "{wrong:?}");
        assert!(ended.err.contains("--help"), "{wrong:?}: {}", ended.err);
    }
    let version = run(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(
        version.out,
        concat!("ai-loadbalancer ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for command in ["run", "demo", "model", "healthcheck"] {
        assert!(help.out.contains(command), "{}", help.out);
    }
}

#[test]
fn without_a_command_it_runs_the_configuration_of_the_working_directory() {
    let empty = tempfile::tempdir().expect("a folder");
    let mut command = binary::<&str>(&[]);
    command.current_dir(empty.path());
    let ended = end_of(command);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("conf/edge.yaml"), "{}", ended.err);
}

/// The highest number among the folders of `models`.
fn newest(models: &str) -> u64 {
    let entries = fs::read_dir(models).expect("is there");
    let names = entries.map(|entry| entry.expect("is readable").file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    numbers.max().expect("has a version")
}

#[test]
fn model_check_tells_what_would_be_served() {
    let plain = run(&["model", "check", "models/default"]);
    assert_eq!(plain.code, Some(0), "{}", plain.err);
    for part in [
        "default",
        "trainer train",
        "native",
        "sha256",
        "µs for 2",
        "µs for 8",
        "µs for 32",
    ] {
        assert!(plain.out.contains(part), "no {part:?} in {}", plain.out);
    }
    let json = run(&["model", "check", "--json", "models/default"]);
    assert_eq!(json.code, Some(0), "{}", json.err);
    let found: Value = serde_json::from_str(&json.out).expect("one JSON object");
    assert_eq!(
        (&found["name"], &found["version"]),
        (&"default".into(), &newest("models/default").into())
    );
    assert_eq!(found["runtime"], "native");
    assert_eq!(found["sha256"].as_str().map(str::len), Some(64));
    let schema = run(&["model", "schema"]);
    assert_eq!(found["schema"].as_str(), Some(schema.out.trim()));
    let timings = found["microseconds_per_score"]
        .as_array()
        .expect("an array");
    let counts: Vec<_> = timings.iter().map(|t| t["candidates"].as_u64()).collect();
    assert_eq!(counts, [Some(2), Some(8), Some(32)]);
}

#[test]
fn model_check_fails_with_file_and_cause() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("m");
    let path = model.display().to_string();
    let missing = run(&["model", "check", &path]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains(&path), "{}", missing.err);

    authored::write_good(&model, 1, 0.0);
    authored::write_good(&model, 2, 1.0);
    authored::truncate(&model, 2);
    let newer = run(&["model", "check", &path]);
    assert_eq!(newer.code, Some(1), "a newer version is broken");
    assert!(
        newer.err.contains(&format!("{path}/2/model.onnx")) && newer.err.contains("sha256"),
        "{}",
        newer.err
    );
    assert!(
        newer.out.contains("version   1"),
        "the servable one is told all the same: {}",
        newer.out
    );
}

#[test]
fn healthcheck_follows_readiness() {
    let backends = Backends::start(1);
    let edge = Edge::start(&format!(
        "access_log: off\nclusters: [{{ name: web, {} }}]\nroutes: [{{ match: {{ path_prefix: / }}, cluster: web }}]",
        backends.discovery([0])
    ));
    let admin = edge.admin().to_string();
    assert_eq!(run(&["healthcheck", "--admin", &admin]).code, Some(0));
    drop(edge);
    let gone = run(&["healthcheck", "--admin", &admin]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.err.contains(&admin), "{}", gone.err);
    let nonsense = run(&["healthcheck", "--admin", "nonsense"]);
    assert_eq!(nonsense.code, Some(1), "{}", nonsense.err);
}

#[test]
fn the_repository_lists_no_model_that_the_check_refuses() {
    let folders = fs::read_dir(in_repository("models")).expect("models");
    for folder in folders {
        let path = folder.expect("an entry").path().display().to_string();
        let ended = run(&["model", "check", &path]);
        assert_eq!(ended.code, Some(0), "{path}: {}", ended.err);
    }
}
