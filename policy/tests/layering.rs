//! The order of the `pub mod` lines in `lib.rs` is the architecture: a module imports only
//! modules above its own line. Besides, no clock is read here, and only one file knows `ort`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file, as path relative to `src` and text without comments.
fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = name_of(&path);
                files.push((name, without_comments(&read(&path))));
            }
        }
    }
    files
}

/// The path within the source folder.
fn name_of(path: &Path) -> String {
    let inner = path
        .strip_prefix(source())
        .expect("the walk began in the source folder");
    inner.to_str().expect("file names are plain").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the file is readable")
}

fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// The modules in the order of `lib.rs`.
fn order(lib: &str) -> Vec<String> {
    let declared = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    lib.lines().filter_map(declared).collect()
}

/// Names that a text reaches by `crate::` or `super::super::`, nested groups included.
fn reached(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let paths = ["crate::", "super::super::"];
    let starts = paths.iter().flat_map(|path| text.match_indices(path));
    for (place, path) in starts {
        let rest = text[place + path.len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => found.extend(heads(group)),
            None => found.extend(first_name(rest)),
        }
    }
    found
}

/// First names of the entries of a group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut entries = vec![String::new()];
    for sign in group.chars() {
        match sign {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(String::new()),
            _ if depth == 0 => entries
                .last_mut()
                .expect("there is one from the start")
                .push(sign),
            _ => {}
        }
    }
    entries
        .iter()
        .filter_map(|entry| first_name(entry.trim()))
        .collect()
}

fn first_name(text: &str) -> Option<String> {
    let is_name = |sign: char| sign.is_alphanumeric() || sign == '_';
    let name: String = text.chars().take_while(|sign| is_name(*sign)).collect();
    (!name.is_empty()).then_some(name)
}

/// What is wrong with one file of the module `module`.
fn violations(order: &[String], module: &str, text: &str) -> Vec<String> {
    let Some(own) = order.iter().position(|name| name == module) else {
        return Vec::new();
    };
    let below = &order[own + 1..];
    let reached = reached(text).into_iter();
    reached.filter(|name| below.contains(name)).collect()
}

fn module_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

#[test]
fn modules_import_only_what_stands_above_them() {
    let order = order(&read(&source().join("lib.rs")));
    assert!(
        order.len() >= 7,
        "the modules are read from lib.rs: {order:?}"
    );
    for (file, text) in files() {
        let wrong = violations(&order, module_of(&file), &text);
        assert!(
            wrong.is_empty(),
            "{file} imports {wrong:?}, declared below it"
        );
    }
}

#[test]
fn a_planted_violation_is_seen() {
    let order: Vec<String> = ["time", "telemetry", "policies"]
        .map(str::to_owned)
        .to_vec();
    let planted = [
        "use crate::policies::Pick;",
        "use crate::{time::Timestamp, policies::{Pick, Policy}};",
        "use super::super::policies::Pick;",
        "fn f() -> crate::policies::Pick { todo!() }",
        "use crate::{\n    time::{A, B},\n    policies,\n};",
    ];
    for text in planted {
        assert_eq!(
            violations(&order, "telemetry", text),
            ["policies"],
            "{text}"
        );
    }
    assert!(violations(&order, "policies", "use crate::{time, telemetry::A};").is_empty());
}

#[test]
fn no_clock_is_read() {
    for (file, text) in files() {
        for clock in ["Instant::now", "SystemTime::now"] {
            assert!(
                !text.contains(clock),
                "{file} calls {clock}; time is passed in"
            );
        }
    }
}

#[test]
fn only_one_file_names_the_onnx_runtime_crate() {
    for (file, text) in files()
        .into_iter()
        .filter(|(file, _)| file != "model/onnxruntime.rs")
    {
        let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '_');
        assert!(
            words.into_iter().all(|word| word != "ort"),
            "{file} names ort"
        );
    }
}
