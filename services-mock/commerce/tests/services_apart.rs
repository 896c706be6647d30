//! The six services meet over HTTP alone: none names another's module, and of the rest of the crate
//! only `service`, which puts them together, names any.

use std::fs;
use std::path::{Path, PathBuf};

const SERVICES: [&str; 6] = [
    "carts",
    "inventory",
    "notifications",
    "orders",
    "payments",
    "users",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The services whose modules a text names by their path from the crate's root.
fn named(text: &str) -> Vec<&'static str> {
    let names = |service: &&str| {
        let path = format!("crate::{service}::");
        text.contains(&path)
    };
    SERVICES.into_iter().filter(names).collect()
}

#[test]
fn no_service_names_another() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "the sources are found");
    for file in files {
        let below = file.strip_prefix(&root).expect("below src");
        let own = below.iter().next().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&file).expect("readable text");
        let others: Vec<_> = named(&text).into_iter().filter(|s| *s != own).collect();
        assert!(others.is_empty(), "{} names {others:?}", below.display());
    }
}

#[test]
fn a_service_that_is_named_is_found() {
    assert_eq!(named("use crate::orders::rules::Step;"), ["orders"]);
    assert_eq!(named("use crate::store::Store; // orders"), [""; 0]);
}
