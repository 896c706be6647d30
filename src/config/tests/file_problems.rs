//! What invalid files are told: every problem at once, with key path and value.

use super::{MINIMAL, assert_begins, assert_single, no_env, problems};
use crate::config::load;
use std::io::Write;

/// The minimal file with a top-level setting added.
fn top(setting: &str) -> String {
    problems(&format!("{setting}\n{MINIMAL}"))
}

/// The minimal file with other static endpoints.
fn endpoints(list: &str) -> String {
    problems(&MINIMAL.replace("[{ address: a.example:80 }]", list))
}

/// The minimal file with other routes.
fn routes(list: &str) -> String {
    problems(&MINIMAL.replace("[{ match: { path_prefix: / }, cluster: web }]", list))
}

#[test]
fn all_problems_of_a_file_are_reported_at_once() {
    let found = problems(
        "
admin: { adress: 127.0.0.1:9901 }
listeners: [{ address: localhost:80 }]
clusters:
  - name: web
    discovery: { static: { endpoints: [{ address: '10.0.0.1' }] } }
    health_check: { path: health, interval: 5 parsecs }
  - name: web
    discovery: {}
routes: [{ match: { path_prefix: / }, cluster: wob }]
threads: 0
",
    );
    let places = [
        "listeners[0].address: \"localhost:80\": not an IP address",
        "clusters[0].discovery.static.endpoints[0].address: \"10.0.0.1\": not an endpoint",
        "clusters[0].health_check.path: \"health\": not a path",
        "clusters[0].health_check.interval: \"5 parsecs\": not a duration (write 250ms, 5s, 1m)",
        "clusters[1].name: \"web\": is the same as clusters[0].name",
        "clusters[1].discovery: must hold either `static` or `redis`",
        "routes[0].cluster: \"wob\": there is no such cluster",
        "threads: 0: must be a whole number from 1 to 1024",
        "admin.adress: unknown key, did you mean address?",
    ];
    for place in places {
        assert!(
            found.contains(&format!("edge.yaml: {place}")),
            "{place} missing in\n{found}"
        );
    }
    assert_eq!(found.lines().count(), places.len(), "{found}");
}

#[test]
fn a_file_that_is_no_mapping_gets_one_clear_problem() {
    assert_single(&problems(""), "is empty");
    assert_single(&problems("# nothing\n"), "is empty");
    assert_single(
        &problems("just words"),
        "expected a mapping, `key: value` lines",
    );
    assert_single(&problems("[1]"), "expected a mapping, `key: value` lines");
    assert_begins(&problems("a: [1\nb: 2"), "line 2", "column");
    assert_single(&problems(&" ".repeat(5 << 20)), "is longer than 4 MiB");
}

#[test]
fn files_that_cannot_be_read_are_refused_by_cause() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |name: &str| {
        load(&folder.path().join(name), &no_env)
            .unwrap_err()
            .to_string()
    };
    assert!(refusal("missing.yaml").contains("cannot be read: "));
    assert!(refusal("").ends_with("is not a regular file"));
    let write = |name: &str, bytes: &[u8]| {
        let mut file = std::fs::File::create(folder.path().join(name)).unwrap();
        file.write_all(bytes).unwrap();
    };
    write("binary", b"a: \xff\xfe");
    assert!(refusal("binary").ends_with("is not UTF-8 text (byte 3)"));
    write("long", &vec![b'#'; (4 << 20) + 1]);
    assert!(refusal("long").ends_with("is longer than 4 MiB"));
}

#[test]
fn what_must_be_there_is_asked_for() {
    let found = problems("threads: 1");
    for key in ["listeners", "clusters", "routes"] {
        assert!(found.contains(&format!("{key}: is required")), "{found}");
    }
    assert_begins(
        &endpoints("[]"),
        "clusters[0].discovery.static.endpoints",
        "at least one",
    );
    assert_begins(&routes("[]"), "routes", "at least one");
    let no_listener = MINIMAL.replace("[{ address: 127.0.0.1:8080 }]", "[]");
    assert_begins(&problems(&no_listener), "listeners", "at least one");
}

#[test]
fn addresses_must_be_valid_and_used_once() {
    assert_begins(
        &top("admin: { address: 127.0.0.1:8080 }"),
        "listeners[0].address",
        "admin.address",
    );
    let twice = MINIMAL.replace("8080 }", "8080 }, { address: 127.0.0.1:8080 }");
    assert_begins(
        &problems(&twice),
        "listeners[1].address",
        "listeners[0].address",
    );
    let list = "clusters[0].discovery.static.endpoints";
    assert_begins(
        &endpoints("[{ address: a:0 }]"),
        &format!("{list}[0].address"),
        "not an endpoint",
    );
    let same = endpoints("[{ address: a:80 }, { address: A:80 }]");
    assert_begins(
        &same,
        &format!("{list}[1].address"),
        &format!("{list}[0].address"),
    );
    let heavy = endpoints("[{ address: a:80, weight: 1001 }]");
    assert_begins(&heavy, &format!("{list}[0].weight"), "from 1 to 1000");
    assert_begins(
        &top("trusted_proxies: [10.0.0.1/8]"),
        "trusted_proxies[0]",
        "not an address",
    );
}

#[test]
fn names_fit_into_metrics_and_logs() {
    let named = |name: &str| problems(&MINIMAL.replace("name: web", &format!("name: {name}")));
    for name in ["'a b'", "''", "ä", &"x".repeat(65)] {
        let found = named(name);
        assert!(
            found.contains("clusters[0].name: ") && found.contains("not a name"),
            "{found}"
        );
    }
}

#[test]
fn top_level_settings_are_checked() {
    let cases = [
        ("listenners: []", "listenners", "did you mean listeners?"),
        ("threads: two", "threads", "not a whole number"),
        (
            "upstream_keepalive_connections: 0",
            "upstream_keepalive_connections",
            "from 1",
        ),
        (
            "limits: { request_body: lots }",
            "limits.request_body",
            "not a size",
        ),
        (
            "limits: { request_headers: 2MiB }",
            "limits.request_headers",
            "must be a size from 1024",
        ),
        (
            "limits: { header_count: 257 }",
            "limits.header_count",
            "from 1 to 256",
        ),
        (
            "limits: { request_read_timeout: 0s }",
            "limits.request_read_timeout",
            "from 1ms",
        ),
        ("shutdown: { grace: 2h }", "shutdown.grace", "from 0s to 1h"),
        (
            "access_log: loud",
            "access_log",
            "one of off, stdout, stderr",
        ),
        ("access_log: {}", "access_log.file", "required"),
        ("model_runtime: 5", "model_runtime", "expected a mapping"),
        (
            "trusted_proxies: 10.0.0.0/8",
            "trusted_proxies",
            "expected a list",
        ),
        (
            "admin: { token_file: '${TOKEN_FILE}' }",
            "admin.token_file",
            "TOKEN_FILE is not set",
        ),
    ];
    for (setting, place, expected) in cases {
        assert_begins(&top(setting), place, expected);
    }
    let long = format!("upgrade: {{ socket: /{} }}", "s".repeat(107));
    assert_begins(&top(&long), "upgrade.socket", "too long for a Unix socket");
}

#[test]
fn a_decision_log_without_a_folder_or_with_a_wrong_setting_is_refused() {
    let problem = |form: &str| top(&format!("decision_log: {form}"));
    assert_single(
        &problem("{ format: jsonl }"),
        "decision_log.folder: is required",
    );
    assert_begins(
        &problem("{ folder: d, format: csv }"),
        "decision_log.format",
        "must be one of parquet, jsonl",
    );
    assert_begins(
        &problem("{ folder: d, sample_percent: 101 }"),
        "decision_log.sample_percent",
        "must be a number from 0 to 100",
    );
    assert_begins(&problem("on"), "decision_log", "must be one of off");
}
