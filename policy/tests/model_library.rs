//! Libraries that are not a usable ONNX Runtime. Alone in its process, which can load one only.
#![cfg(feature = "onnxruntime")]

use lb_authoring::{broken, export::Export};
use lb_policy::{
    model::{LoadOptions, RuntimeChoice, load_version},
    time::Timestamp,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A library whose `OrtGetApiBase` runs `body`.
fn library(dir: &Path, name: &str, body: &str) -> PathBuf {
    let (source, library) = (
        dir.join(format!("{name}.c")),
        dir.join(format!("lib{name}.so")),
    );
    let code =
        "typedef struct { const void *(*api)(unsigned); const char *(*version)(void); } Base;
                static const void *api(unsigned v) { return 0; }";
    fs::write(&source, format!("{code}\n{body}\n")).expect("a writable folder");
    let mut compiler = Command::new("cc");
    let status = compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(status.expect("cc, which Rust links with").success());
    library
}

#[test]
fn bad_libraries_are_refused_and_a_good_one_loads_afterwards() {
    let dir = TempDir::new().unwrap();
    Export::new("test", 1, "made up")
        .write(&broken::sound(), dir.path())
        .unwrap();
    let load = |library: PathBuf| {
        let runtime = RuntimeChoice::OnnxRuntime;
        let clock = || Timestamp::ZERO;
        let options = LoadOptions {
            runtime,
            library: Some(library),
            ..LoadOptions::new(clock)
        };
        load_version(dir.path(), &options)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };

    let text = dir.path().join("text.so");
    fs::write(&text, "not a library\n".repeat(100)).unwrap();
    let old = "static const char *version(void) { return \"1.16.3\"; }
               static Base base = { api, version };
               const Base *OrtGetApiBase(void) { return &base; }";
    let empty = "const Base *OrtGetApiBase(void) { return 0; }";
    let hollow = old.replace("1.16.3", "1.99.0");
    for (library, reason) in [
        (dir.path().join("missing.so"), "No such file"),
        (text, "invalid ELF header"),
        (
            PathBuf::from("libc.so.6"),
            "does not export `OrtGetApiBase`",
        ),
        (library(dir.path(), "old", old), "1.16.3"),
        (
            library(dir.path(), "empty", empty),
            "not a usable ONNX Runtime",
        ),
    ] {
        let message = load(library.clone()).unwrap_err();
        assert!(message.contains(reason), "{message} should say {reason}");
        assert!(
            message.contains(&*library.to_string_lossy()),
            "{message} names the library"
        );
    }

    let good = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let good = good.expect("ORT_DYLIB_PATH is not set: run scripts/onnxruntime.sh");
    assert_eq!(load(good), Ok(()));
    // `ort` keeps the first library that tells a sufficient version, so this comes last.
    let message = load(library(dir.path(), "hollow", &hollow)).unwrap_err();
    assert!(message.contains("needs a restart"), "{message}");
}
