//! A folder of versions: the highest sound one is served.

use crate::fixture::{export, native};
use lb_authoring::{broken, export::Export};
use lb_policy::model::{ModelError, load_folder};
use std::fs;
use tempfile::TempDir;

/// A folder with the given versions, of which those listed in `broken` give NaN.
fn folder(versions: &[u64], nan: &[u64]) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    for version in versions {
        add(&dir, *version, nan.contains(version));
    }
    dir
}

fn add(dir: &TempDir, version: u64, nan: bool) {
    let network = if nan {
        broken::not_a_number()
    } else {
        broken::sound()
    };
    let export = Export {
        version,
        ..export()
    };
    export
        .write(&network, &dir.path().join(version.to_string()))
        .expect("a writable folder");
}

#[test]
fn versions_are_compared_as_numbers() {
    let dir = folder(&[2, 9, 10], &[]);
    let loaded = load_folder(dir.path(), &native()).unwrap();
    assert_eq!((loaded.model.version(), loaded.skipped.len()), (10, 0));
}

#[test]
fn newer_broken_versions_are_passed_over_and_told() {
    let dir = folder(&[1, 2, 3], &[2, 3]);
    let loaded = load_folder(dir.path(), &native()).unwrap();
    assert_eq!(loaded.model.version(), 1);
    let told: Vec<String> = loaded.skipped.iter().map(ToString::to_string).collect();
    assert!(
        told[0].contains("/3/model.onnx") && told[1].contains("/2/model.onnx"),
        "{told:?}"
    );
}

#[test]
fn a_folder_without_a_sound_version_tells_every_reason() {
    let dir = folder(&[1, 2], &[1, 2]);
    let error = load_folder(dir.path(), &native()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("/1/model.onnx") && text.contains("/2/model.onnx"),
        "{text}"
    );
    assert!(matches!(error, ModelError::NoVersion { skipped, .. } if skipped.len() == 2));
}

#[test]
fn an_empty_and_a_missing_folder_are_errors() {
    let dir = folder(&[], &[]);
    let text = load_folder(dir.path(), &native()).unwrap_err().to_string();
    assert!(
        text.contains("neither numbered folders nor a manifest.yaml"),
        "{text}"
    );
    let missing = dir.path().join("none");
    let text = load_folder(&missing, &native()).unwrap_err().to_string();
    assert!(
        text.contains("No such file") && text.contains("none"),
        "{text}"
    );
}

#[test]
fn other_names_are_not_versions() {
    let dir = folder(&[1], &[]);
    for name in ["02", "+3", "next", "4.tmp", "-5", "99999999999999999999"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let loaded = load_folder(dir.path(), &native()).unwrap();
    assert_eq!((loaded.model.version(), loaded.skipped.len()), (1, 0));
}

#[test]
fn a_version_can_be_given_by_itself() {
    let dir = folder(&[1, 2], &[]);
    let loaded = load_folder(&dir.path().join("1"), &native()).unwrap();
    assert_eq!(loaded.model.version(), 1);
}
