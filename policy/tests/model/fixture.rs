//! Folders with models, good and broken, and how they are loaded here.

use lb_authoring::{export::Export, network::Network};
use lb_policy::{
    model::{LoadOptions, RuntimeChoice},
    time::Timestamp,
};
use sha2::{Digest as _, Sha256};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A clock at rest.
pub(crate) fn stopped() -> Timestamp {
    Timestamp::ZERO
}

/// Loads with the native runtime alone.
pub(crate) fn native() -> LoadOptions {
    LoadOptions {
        runtime: RuntimeChoice::Native,
        ..LoadOptions::new(stopped)
    }
}

/// What the exporter says of the models here.
pub(crate) fn export() -> Export {
    Export::new("test", 1, "made up")
}

/// A version folder with `network`.
pub(crate) fn version_of(network: &dyn Network) -> TempDir {
    version(&export(), network)
}

/// A version folder.
pub(crate) fn version(export: &Export, network: &dyn Network) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    export
        .write(network, dir.path())
        .expect("a writable folder");
    dir
}

/// Replaces a file of a version and its checksum in the manifest.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8]) {
    let manifest = dir.join("manifest.yaml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let old = sha256(&fs::read(dir.join(name)).expect("the file"));
    assert!(text.contains(&old), "the manifest names the file");
    fs::write(&manifest, text.replace(&old, &sha256(bytes))).expect("a writable folder");
    fs::write(dir.join(name), bytes).expect("a writable folder");
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
