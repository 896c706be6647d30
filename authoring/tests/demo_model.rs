//! The demo's model in the repository is the one that the program writes.

use lb_authoring::{default_model, demo_model};
use lb_policy::features::index_of;
use std::{fs, path::Path};

#[test]
fn models_demo_2_is_what_author_demo_writes() {
    let written = tempfile::tempdir().unwrap();
    demo_model::write(written.path()).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo/2");
    for file in ["model.onnx", "parity.json", "manifest.yaml"] {
        let expected = fs::read(written.path().join(file)).unwrap();
        let found = fs::read(shipped.join(file)).unwrap_or_default();
        assert!(
            found == expected,
            "models/demo/2/{file} is out of date: cargo run -p lb-authoring --bin author-demo"
        );
    }
}

#[test]
fn it_is_the_default_model_with_the_error_factor_counted_twice() {
    let column = index_of("error_factor").unwrap();
    let mut expected = default_model::network().unwrap();
    expected.weights[column] *= 2.0;
    assert!(expected.weights[column] > 0.0);
    assert_eq!(demo_model::network().unwrap(), expected);
}
