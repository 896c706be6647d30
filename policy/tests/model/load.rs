//! One version: served when sound, refused by file and cause when not.

use crate::fixture::{export, native, replace, stopped, version, version_of};
use lb_authoring::{
    broken::{self, Disagreeing, Softplus},
    export::Export,
    network::Network as _,
    study::study_net,
};
use lb_policy::{
    features::{CONTEXT, FEATURES, schema_id},
    model::{
        LoadOptions, Model, ModelError, Runtime, ScoreError, Scorer as _, Workspace, load_version,
        measure,
    },
    time::Timestamp,
};
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The message of a refusal, which must name `file`.
fn refusal(dir: &Path, file: &str) -> String {
    let message = load_version(dir, &native())
        .expect_err("a broken model")
        .to_string();
    let path = dir.join(file).display().to_string();
    assert!(
        message.starts_with(&path),
        "{message} should begin with {path}"
    );
    message
}

#[test]
fn a_sound_model_is_served_and_tells_what_it_is() {
    let dir = version_of(&study_net(3, 32, 24));
    let model = load_version(dir.path(), &native()).unwrap();
    assert_eq!(
        (model.name(), model.version(), model.training()),
        ("test", 1, "made up")
    );
    assert_eq!(
        (model.schema(), model.runtime()),
        (schema_id(), Runtime::Native)
    );
    assert_eq!((model.path(), model.sha256().len()), (dir.path(), 64));
    assert!(model.ranges().is_empty());
}

#[test]
fn its_costs_are_those_of_the_formula() {
    let network = study_net(4, 32, 24);
    let dir = version_of(&network);
    let model = load_version(dir.path(), &native()).unwrap();
    // Far more candidates than the test vectors have.
    let rows: Vec<f32> = (0..200 * FEATURES)
        .map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0)
        .collect();
    let costs = score(&model, &rows).unwrap();
    for (cost, expected) in costs.iter().zip(network.costs(&rows, &[0.5; CONTEXT])) {
        assert!(
            (f64::from(*cost) - expected).abs() < 1e-4,
            "{cost} should be {expected}"
        );
    }
}

fn score(model: &Model, rows: &[f32]) -> Result<Vec<f32>, ScoreError> {
    let mut costs = vec![0.0; rows.len() / FEATURES];
    model.score(rows, &[0.5; CONTEXT], &mut costs, &mut Workspace::default())?;
    Ok(costs)
}

#[test]
fn missing_files_are_named() {
    for file in ["manifest.yaml", "model.onnx", "parity.json"] {
        let dir = version_of(&broken::sound());
        fs::remove_file(dir.path().join(file)).unwrap();
        assert!(refusal(dir.path(), file).contains("No such file"));
    }
}

#[test]
fn a_file_other_than_the_manifest_names_is_refused() {
    let dir = version_of(&broken::sound());
    let path = dir.path().join("model.onnx");
    let mut bytes = fs::read(&path).unwrap();
    bytes.pop();
    fs::write(&path, bytes).unwrap();
    assert!(refusal(dir.path(), "model.onnx").contains("sha256 is"));
}

#[test]
fn a_truncated_graph_is_refused_even_when_its_checksum_fits() {
    let dir = version_of(&broken::sound());
    let bytes = fs::read(dir.path().join("model.onnx")).unwrap();
    replace(dir.path(), "model.onnx", &bytes[..bytes.len() / 2]);
    assert!(refusal(dir.path(), "model.onnx").contains("cut off"));
}

#[test]
fn a_broken_manifest_is_refused() {
    let dir = version_of(&broken::sound());
    fs::write(dir.path().join("manifest.yaml"), "name: [").unwrap();
    refusal(dir.path(), "manifest.yaml");
    fs::write(dir.path().join("manifest.yaml"), vec![b'x'; 1 << 17]).unwrap();
    assert!(refusal(dir.path(), "manifest.yaml").contains("larger than"));
}

#[test]
fn another_schema_is_refused_by_both_hashes() {
    let other = Export {
        schema: "1:0123abc".to_owned(),
        ..export()
    };
    let dir = version(&other, &broken::sound());
    let message = refusal(dir.path(), "manifest.yaml");
    assert!(
        message.contains("1:0123abc") && message.contains(schema_id()),
        "{message}"
    );
}

#[test]
fn a_schema_hidden_behind_the_manifest_is_found_in_the_graph() {
    let dir = version_of(&broken::sound());
    let other = Export {
        schema: "1:0123abc".to_owned(),
        ..export()
    };
    replace(dir.path(), "model.onnx", &other.model(&broken::sound()));
    let message = refusal(dir.path(), "model.onnx");
    assert!(
        message.contains("1:0123abc") && message.contains(schema_id()),
        "{message}"
    );
}

#[test]
fn manifest_and_graph_must_agree() {
    for other in [
        Export {
            name: "other".to_owned(),
            ..export()
        },
        Export {
            version: 9,
            ..export()
        },
        Export {
            training: "none".to_owned(),
            ..export()
        },
    ] {
        let dir = version_of(&broken::sound());
        replace(dir.path(), "model.onnx", &other.model(&broken::sound()));
        assert!(refusal(dir.path(), "model.onnx").contains("the manifest says"));
    }
}

#[test]
fn wrong_shapes_are_refused() {
    let narrow = Export {
        features: FEATURES - 1,
        ..export()
    };
    let dir = version(&narrow, &broken::sound());
    let message = refusal(dir.path(), "model.onnx");
    assert!(
        message.contains("float32 [d, 33], expected float32 [d, 34]"),
        "{message}"
    );
}

#[test]
fn an_operator_set_out_of_range_is_refused() {
    for opset in [16, 22] {
        let dir = version(&Export { opset, ..export() }, &broken::sound());
        assert!(refusal(dir.path(), "model.onnx").contains(&format!("operator set Some({opset})")));
    }
}

#[test]
fn not_a_number_fails_the_test_vectors() {
    let dir = version_of(&broken::not_a_number());
    assert!(
        refusal(dir.path(), "model.onnx").contains("parity vector 0: cost of candidate 0 is NaN")
    );
}

#[test]
fn costs_other_than_the_exporters_are_refused() {
    let dir = version_of(&Disagreeing(broken::sound()));
    assert!(refusal(dir.path(), "model.onnx").contains("parity vector"));
}

#[test]
fn an_unsupported_operator_is_named() {
    let dir = version_of(&Softplus(broken::sound()));
    let message = refusal(dir.path(), "model.onnx");
    assert!(message.contains("node \"cost\" (Softplus)"), "{message}");
}

#[test]
fn unusable_test_vectors_are_refused() {
    for text in [
        "",
        "{}",
        "{\"vectors\":[]}",
        "[1e999]",
        "{\"vectors\":[],\"more\":1}",
    ] {
        let dir = version_of(&broken::sound());
        replace(dir.path(), "parity.json", text.as_bytes());
        refusal(dir.path(), "parity.json");
    }
}

/// A clock that moves a millisecond each time it is read.
fn hurried() -> Timestamp {
    static NOW: AtomicU64 = AtomicU64::new(0);
    Timestamp::from_nanos(NOW.fetch_add(1_000_000, Ordering::Relaxed))
}

#[test]
fn a_model_over_its_time_budget_is_refused_with_the_way_out() {
    let dir = version_of(&broken::sound());
    let budget = Some(Duration::from_micros(50));
    let slow = LoadOptions {
        budget,
        clock: hurried,
        ..native()
    };
    let error = load_version(dir.path(), &slow).unwrap_err();
    assert!(matches!(error, ModelError::Budget { .. }), "{error}");
    assert!(error.to_string().contains("scoring: interval"), "{error}");
    let quick = LoadOptions {
        clock: stopped,
        ..slow
    };
    assert!(load_version(dir.path(), &quick).is_ok());
}

#[test]
fn measuring_gives_the_time_of_one_scoring() {
    let dir = version_of(&broken::sound());
    let model = load_version(dir.path(), &native()).unwrap();
    assert_eq!(measure(&model, stopped, 8).unwrap(), Duration::ZERO);
    assert!(measure(&model, hurried, 8).unwrap() > Duration::ZERO);
}
