//! Starts that must fail: exit 1, with file, key and value on standard error.

use crate::{
    authored,
    run_to_end::{Ended, run},
};
use lb_authoring::broken;
use lb_policy::features::FEATURES;
use std::{fs, net::TcpListener, path::Path};
use tempfile::TempDir;

const HEAD: &str =
    "admin: { address: 127.0.0.1:0 }\nlisteners: [{ address: 127.0.0.1:0 }]\naccess_log: off\n";
const CLUSTER: &str = "name: web, discovery: { static: { endpoints: [{ address: 127.0.0.1:9 }] } }";
const ROUTE: &str = "routes: [{ match: { path_prefix: / }, cluster: web }]\n";

/// Starts the proxy with `config` as it stands.
fn start(folder: &Path, config: &str) -> Ended {
    let path = folder.join("edge.yaml");
    let own = format!(
        "\nupgrade: {{ socket: {0}/u.sock, pid_file: {0}/pid }}\n",
        folder.display()
    );
    fs::write(&path, config.to_owned() + &own).expect("written");
    run(&["-c", &path.display().to_string()])
}

/// Fails unless `config` gives exit 1 and an error that names the file and all of `named`.
fn assert_refused(config: &str, named: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = start(folder.path(), config);
    assert_eq!(ended.code, Some(1), "{config}\n{}", ended.err);
    let file = folder.path().join("edge.yaml").display().to_string();
    for part in named.iter().chain([&file.as_str()]) {
        assert!(
            ended.err.contains(part),
            "no {part:?} in {}\n{config}",
            ended.err
        );
    }
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[test]
fn a_bad_configuration_is_refused_with_file_key_and_value() {
    let good = format!("clusters: [{{ {CLUSTER} }}]\n");
    let with = |rest: &str| format!("{HEAD}clusters: [{{ {CLUSTER}{rest} }}]\n{ROUTE}");
    assert_refused(&format!("{HEAD}clusters: [{{ name"), &["line"]);
    assert_refused(&format!("{HEAD}{good}{ROUTE}colour: red\n"), &["colour"]);
    assert_refused(
        &with(", timeouts: { connect: 5 parsecs }"),
        &["clusters[0].timeouts.connect", "5 parsecs"],
    );
    assert_refused(
        &format!("{HEAD}clusters: [{{ {CLUSTER} }}, {{ {CLUSTER} }}]\n{ROUTE}"),
        &["clusters[1].name", "web"],
    );
    assert_refused(
        &format!("{HEAD}{good}routes: [{{ match: {{ path_prefix: / }}, cluster: shop }}]\n"),
        &["routes[0].cluster", "shop"],
    );
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let config = format!(
        "{HEAD}colour: red\nclusters: [{{ {CLUSTER}, timeouts: {{ idle: never }} }}]\nroutes: [{{ match: {{ path_prefix: x }}, cluster: web }}]\n"
    );
    assert_refused(
        &config,
        &["colour", "timeouts.idle", "never", "path_prefix"],
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let ended = run(&["-c", "/nowhere/edge.yaml"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("/nowhere/edge.yaml"), "{}", ended.err);
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run(&["-c", &folder.path().display().to_string()]);
    assert_eq!(ended.code, Some(1), "a folder: {}", ended.err);
}

#[test]
fn an_address_in_use_is_refused_by_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let rest = format!("clusters: [{{ {CLUSTER} }}]\n{ROUTE}");
    let listener = format!(
        "admin: {{ address: 127.0.0.1:0 }}\nlisteners: [{{ address: 127.0.0.1:0 }}, {{ address: {address} }}]\n{rest}"
    );
    assert_refused(&listener, &["listeners[1].address", &address, "in use"]);
    let admin =
        format!("admin: {{ address: {address} }}\nlisteners: [{{ address: 127.0.0.1:0 }}]\n{rest}");
    assert_refused(&admin, &["admin.address", &address, "in use"]);
}

/// A configuration whose one cluster uses `model`.
fn with_model(model: &Path, policy: &str, rest: &str) -> String {
    let model = model.display();
    format!(
        "{HEAD}{rest}clusters: [{{ {CLUSTER}, policy: {{ type: onnx, model: {model}, {policy} }} }}]\n{ROUTE}"
    )
}

fn assert_model_refused(spoil: impl FnOnce(&Path), policy: &str, named: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    spoil(&model);
    let path = model.display().to_string();
    let mut all = vec!["cluster web", "policy.model", path.as_str()];
    all.extend(named);
    assert_refused(&with_model(&model, policy, ""), &all);
}

#[test]
fn a_model_folder_without_a_servable_version_is_refused_by_cluster_file_and_cause() {
    let sound = broken::sound();
    assert_model_refused(|_| (), "runtime: auto", &["No such file"]);
    assert_model_refused(
        |model| fs::create_dir_all(model).expect("a folder"),
        "runtime: auto",
        &["no version can be served"],
    );
    assert_model_refused(
        |model| {
            authored::write_good(model, 1, 0.0);
            authored::truncate(model, 1);
        },
        "runtime: auto",
        &["model.onnx", "sha256"],
    );
    assert_model_refused(
        |model| {
            authored::write_good(model, 1, 0.0);
            let noise: Vec<u8> = (0..4096_u32).map(|i| ((i * i) >> 3) as u8).collect();
            fs::write(model.join("1/model.onnx"), noise).expect("written");
        },
        "runtime: auto",
        &["model.onnx", "sha256"],
    );
    assert_model_refused(
        |model| {
            authored::write(model, 1, &sound, |export| {
                export.schema = format!("1-{}", "0".repeat(64));
            });
        },
        "runtime: auto",
        &["feature schema", "1-0000"],
    );
    assert_model_refused(
        |model| authored::write(model, 1, &sound, |export| export.features = FEATURES + 1),
        "runtime: auto",
        &["model.onnx", &(FEATURES + 1).to_string()],
    );
    assert_model_refused(
        |model| authored::write_not_a_number(model, 1),
        "runtime: native",
        &["model.onnx", "NaN"],
    );
    assert_model_refused(
        |model| authored::write(model, 1, &broken::Softplus(broken::sound()), |_| ()),
        "runtime: native",
        &["model.onnx", "Softplus"],
    );
    assert_model_refused(
        |model| authored::write(model, 1, &broken::Disagreeing(broken::sound()), |_| ()),
        "runtime: native",
        &["model.onnx"],
    );
}

#[test]
fn onnxruntime_without_its_library_is_refused_and_auto_serves_natively() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    authored::write_good(&model, 1, 0.0);
    let library = "model_runtime: { library: /nowhere/libonnxruntime.so }\n";
    assert_refused(
        &with_model(&model, "runtime: onnxruntime", library),
        &["cluster web", "/nowhere/libonnxruntime.so"],
    );
    let path = folder.path().join("auto.yaml");
    fs::write(&path, with_model(&model, "runtime: auto", library)).expect("written");
    let ended = run(&["-t", "-c", &path.display().to_string()]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_library_that_is_none_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, library) = (folder.path().join("model"), folder.path().join("lib.so"));
    authored::write_good(&model, 1, 0.0);
    fs::write(&library, "not a library").expect("written");
    let library = format!("model_runtime: {{ library: {} }}\n", library.display());
    assert_refused(
        &with_model(&model, "runtime: onnxruntime", &library),
        &["cluster web", "lib.so"],
    );
}

#[test]
fn a_pid_file_that_cannot_be_written_is_refused_by_its_key() {
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    let config = format!(
        "{HEAD}clusters: [{{ {CLUSTER} }}]\n{ROUTE}upgrade: {{ socket: /tmp/x.sock, pid_file: /nowhere/pid }}\n"
    );
    let path = folder.path().join("edge.yaml");
    fs::write(&path, config).expect("written");
    let ended = run(&["-c", &path.display().to_string()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("upgrade.pid_file"), "{}", ended.err);
}
