//! The default model in the repository is the one that the program writes.

use lb_authoring::{default_model, network::Network as _};
use lb_policy::features::{CONTEXT, FEATURES};
use std::{fs, path::Path};

#[test]
fn models_default_1_is_what_author_default_writes() {
    let written = tempfile::tempdir().unwrap();
    default_model::write(written.path()).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/default/1");
    for file in ["model.onnx", "parity.json", "manifest.yaml"] {
        let expected = fs::read(written.path().join(file)).unwrap();
        let found = fs::read(shipped.join(file)).unwrap_or_default();
        assert!(
            found == expected,
            "models/default/1/{file} is out of date: cargo run -p lb-authoring --bin author-default"
        );
    }
}

#[test]
fn two_runs_write_the_same_bytes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    default_model::write(first.path()).unwrap();
    default_model::write(second.path()).unwrap();
    for file in ["model.onnx", "parity.json", "manifest.yaml"] {
        assert_eq!(
            fs::read(first.path().join(file)).unwrap(),
            fs::read(second.path().join(file)).unwrap()
        );
    }
}

#[test]
fn only_the_four_features_of_peak_ewma_count() {
    let network = default_model::network().unwrap();
    let costs = network.costs(&[1.0; FEATURES], &[1.0; CONTEXT]);
    assert_eq!(costs, [2.0], "1 + 1 + 1 − 1");
    let column = |name| lb_policy::features::index_of(name).unwrap();
    assert!(network.weights[column("in_flight")] > 0.0);
    assert!(network.weights[column("weight")] < 0.0);
}
