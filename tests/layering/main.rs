//! The order of `mod` lines in `src/lib.rs` is the architecture: a module names only modules
//! declared above its own line, and some foreign crates are named in one place alone.

mod paths;

use paths::{Named, declared_modules, named_paths, tokens};
use std::{fs, path::Path};

/// A foreign crate and the modules that may name it.
struct Place {
    krate: &'static str,
    may_name: fn(&str) -> bool,
    rule: &'static str,
}

const PLACES: [Place; 3] = [
    Place {
        krate: "redis",
        may_name: |module| module == "discovery::redis" || module.starts_with("discovery::redis::"),
        rule: "only src/discovery/redis.rs names Redis",
    },
    Place {
        krate: "lb_policy",
        may_name: |module| module != "config" && !module.starts_with("config::"),
        rule: "config imports nothing of ours",
    },
    Place {
        krate: "ort",
        may_name: |_| false,
        rule: "only model/onnxruntime.rs of lb-policy names ort",
    },
];

#[test]
fn modules_name_only_modules_declared_above_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read_sources(&root, "", &mut sources);
    let problems = violations(&sources);
    assert!(
        problems.is_empty(),
        "against the layering:\n{}",
        problems.join("\n")
    );
}

/// Collects every `.rs` file below `folder` as (path below `src/`, text).
fn read_sources(folder: &Path, below: &str, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a readable source folder") {
        let entry = entry.expect("a readable entry").path();
        let name = format!(
            "{below}{}",
            entry.file_name().expect("a name").to_string_lossy()
        );
        if entry.is_dir() {
            read_sources(&entry, &format!("{name}/"), sources);
        } else if name.ends_with(".rs") {
            sources.push((name, fs::read_to_string(&entry).expect("readable text")));
        }
    }
}

/// What is wrong with the sources, one line each. `main.rs` is the binary and names what it likes.
fn violations(sources: &[(String, String)]) -> Vec<String> {
    let lib = sources
        .iter()
        .find(|(file, _)| file == "lib.rs")
        .expect("a lib.rs");
    let lib = tokens(&lib.1);
    let order = declared_modules(&lib);
    let mut problems = Vec::new();
    if lib.iter().any(|token| token == "use") {
        problems.push("lib.rs: it is the map: it declares modules and imports nothing".to_owned());
    }
    for (file, text) in sources
        .iter()
        .filter(|(file, _)| file != "lib.rs" && file != "main.rs")
    {
        let module = module_of(file);
        let Some(own) = order.iter().position(|name| *name == module[0]) else {
            problems.push(format!("{file}: `{}` is not declared in lib.rs", module[0]));
            continue;
        };
        for named in named_paths(&tokens(text), &module) {
            let problem = match &named {
                Named::Ours(path) => wrong_order(path, own, &order),
                Named::Foreign(krate) => misplaced(krate, &module.join("::")),
            };
            problems.extend(problem.map(|problem| format!("{file}: {problem}")));
        }
    }
    problems.dedup();
    problems
}

/// What is wrong with naming our own `path` in the module at `own`.
fn wrong_order(path: &[String], own: usize, order: &[String]) -> Option<String> {
    let Some(name) = path.first() else {
        return Some("names the crate root as a whole".to_owned());
    };
    match order.iter().position(|declared| declared == name) {
        Some(other) if other <= own => None,
        Some(_) => Some(format!("names `{name}`, declared below `{}`", order[own])),
        None => Some(format!("names `{name}`, which lib.rs does not declare")),
    }
}

/// What is wrong with naming the foreign crate in `module`.
fn misplaced(krate: &str, module: &str) -> Option<String> {
    let place = PLACES.iter().find(|place| place.krate == krate)?;
    let wrong = !(place.may_name)(module);
    wrong.then(|| format!("names `{krate}`: {}", place.rule))
}

/// The module of a file below `src/`: `proxy/mod.rs` is `proxy`, `proxy/retry.rs` `proxy::retry`.
fn module_of(file: &str) -> Vec<String> {
    let plain = file.trim_end_matches(".rs").trim_end_matches("/mod");
    plain.split('/').map(str::to_owned).collect()
}

mod self_test {
    use super::violations;

    /// A `lib.rs` of four modules, and one file besides that holds `text`.
    fn check(file: &str, text: &str) -> Vec<String> {
        let lib = "//! Map.\npub mod config;\npub mod discovery;\nmod proxy;\npub mod server;\n";
        violations(&[
            ("lib.rs".to_owned(), lib.to_owned()),
            (file.to_owned(), text.to_owned()),
        ])
    }

    #[test]
    fn every_form_of_naming_a_later_module_is_caught() {
        let planted = [
            "use crate::server;",
            "use crate::server::Server as Config;",
            "use crate::{config::Config, server::{self, Server}};",
            "use crate::{config, discovery::{Source, redis::{A, B}}, server};",
            "use {std::fs, crate::server::*};",
            "use std::fs; pub(crate) use crate::server::Server;",
            "fn f() { crate::server::run() }",
            "fn f() -> Vec<crate::server::Server> { vec![] }",
            "fn f() { assert!(crate::server::is_up()) }",
            "use super::super::server::Server;",
            "fn f() { super::super::server::run() }",
            "mod tests { use super::super::super::server::run; }",
            "mod a { fn f() { if x {} } } fn f() { super::super::server::run() }",
            "use self::super::super::{server};",
            "macro_rules! run { () => { $crate::server::run() } }",
            "fn f<'a>(x: &'a str) { g('\"', b'\\'', r#\"\"\"#); crate::server::run() }",
            "/* a /* b */ c */ use crate::server;",
        ];
        for text in planted {
            let problems = check("discovery/redis.rs", text);
            assert_eq!(
                problems,
                ["discovery/redis.rs: names `server`, declared below `discovery`"],
                "{text}"
            );
        }
    }

    #[test]
    fn naming_the_whole_crate_or_what_lib_does_not_declare_is_caught() {
        for text in [
            "use crate::*;",
            "use crate as root;",
            "use crate::{self as root};",
            "use super::super::*;",
        ] {
            assert_eq!(
                check("discovery/fixed.rs", text),
                ["discovery/fixed.rs: names the crate root as a whole"],
                "{text}"
            );
        }
        assert_eq!(
            check("config.rs", "use super::server;"),
            ["config.rs: names `server`, declared below `config`"]
        );
        assert_eq!(
            check("proxy/mod.rs", "use crate::Oops;").len(),
            1,
            "an item of lib.rs"
        );
        assert_eq!(
            check("stray.rs", "").len(),
            1,
            "a file that no module declares"
        );
    }

    #[test]
    fn what_the_order_allows_passes() {
        let allowed = [
            "use crate::{config::{Config, HostPort}, discovery::Source};",
            "use super::{Source, super::config};",
            "mod tests { use super::*; use super::super::Source; }",
            "pub(crate) fn f() {} pub(in crate::discovery) fn g(server: u8) -> impl Sized + use<> {}",
            "// use crate::server;\n/// [`crate::server`]\nfn f() { g(\"crate::server::run\") }",
            "fn f() { server::local() } fn g(redis: Option<u8>) { redis.map(h) }",
        ];
        for text in allowed {
            assert_eq!(check("discovery/fixed.rs", text), [""; 0], "{text}");
        }
        assert_eq!(
            check("server.rs", "use crate::{config, discovery, proxy};"),
            [""; 0],
            "the last module"
        );
        assert_eq!(
            check("main.rs", "use ai_loadbalancer::server; use redis::Client;"),
            [""; 0],
            "the binary"
        );
    }

    #[test]
    fn foreign_crates_keep_to_their_place() {
        let redis = "use redis::{Client, aio::ConnectionManager};";
        assert_eq!(check("discovery/redis.rs", redis), [""; 0]);
        assert_eq!(
            check("discovery/redis/scan.rs", "fn f() { redis::cmd(\"SCAN\") }"),
            [""; 0]
        );
        for text in [
            redis,
            "use ::redis::Client;",
            "use redis;",
            "fn f() { ::redis::cmd(\"SCAN\") }",
        ] {
            for file in ["discovery/fixed.rs", "server.rs"] {
                assert!(!check(file, text).is_empty(), "{file}: {text}");
            }
        }
        let child = "mod redis; fn f() { redis::Source::new() }";
        assert_eq!(
            check("discovery/mod.rs", child),
            [""; 0],
            "the child module, not the crate"
        );

        assert_eq!(
            check("proxy/mod.rs", "use lb_policy::policies::Policy;"),
            [""; 0]
        );
        assert_eq!(
            check("config/units.rs", "use lb_policy::time::Timestamp;").len(),
            1
        );
        assert_eq!(check("proxy/mod.rs", "use ort::session::Session;").len(), 1);
    }
}
