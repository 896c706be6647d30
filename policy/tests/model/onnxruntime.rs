//! The real library: it must agree with the native runtime and with the formula.

use crate::fixture::{native, stopped, version_of};
use lb_authoring::{
    broken::{self, Disagreeing, Softplus},
    network::Network,
    study::study_net,
};
use lb_policy::{
    features::{CONTEXT, FEATURES},
    model::{
        LoadOptions, Model, Runtime, RuntimeChoice, ScoreError, Scorer as _, Workspace,
        load_version,
    },
};
use std::{path::PathBuf, sync::Barrier, thread};

/// Fails rather than skips where the library is not there.
fn with(runtime: RuntimeChoice) -> LoadOptions {
    let library = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let library = library.expect("ORT_DYLIB_PATH is not set: run scripts/onnxruntime.sh");
    LoadOptions {
        runtime,
        library: Some(library),
        ..LoadOptions::new(stopped)
    }
}

fn costs(model: &Model, d: usize) -> Vec<f32> {
    let rows: Vec<f32> = (0..d * FEATURES)
        .map(|i| ((i * 29) % 83) as f32 / 20.0 - 2.0)
        .collect();
    let mut costs = vec![0.0; d];
    model
        .score(
            &rows,
            &[0.75; CONTEXT],
            &mut costs,
            &mut Workspace::default(),
        )
        .expect("a score");
    costs
}

#[test]
fn both_runtimes_give_the_same_costs() {
    let networks: [&dyn Network; 3] = [
        &broken::sound(),
        &study_net(5, 32, 24),
        &study_net(6, 7, 13),
    ];
    for network in networks {
        let dir = version_of(network);
        let own = load_version(dir.path(), &native()).unwrap();
        let library = load_version(dir.path(), &with(RuntimeChoice::OnnxRuntime)).unwrap();
        assert_eq!(library.runtime(), Runtime::OnnxRuntime);
        for d in [1, 2, 3, 8, 31, 32, 64, 257] {
            for (a, b) in costs(&own, d).iter().zip(costs(&library, d)) {
                assert!(
                    (a - b).abs() <= 1e-4 * (1.0 + b.abs()),
                    "{a} and {b} at d = {d}"
                );
            }
        }
    }
}

#[test]
fn auto_takes_the_library_where_the_native_runtime_cannot() {
    let dir = version_of(&Softplus(broken::sound()));
    let model = load_version(dir.path(), &with(RuntimeChoice::Auto)).unwrap();
    assert_eq!(model.runtime(), Runtime::OnnxRuntime);
    assert!(model.native_refusal().unwrap().contains("Softplus"));
}

#[test]
fn auto_prefers_the_native_runtime() {
    let dir = version_of(&broken::sound());
    let model = load_version(dir.path(), &with(RuntimeChoice::Auto)).unwrap();
    assert_eq!(
        (model.runtime(), model.native_refusal()),
        (Runtime::Native, None)
    );
}

#[test]
fn auto_tells_the_reasons_of_both_runtimes() {
    let dir = version_of(&Disagreeing(broken::sound()));
    let text = load_version(dir.path(), &with(RuntimeChoice::Auto))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("native runtime: parity") && text.contains("ONNX Runtime: parity"),
        "{text}"
    );
}

#[test]
fn not_a_number_fails_in_the_library_too() {
    let dir = version_of(&broken::not_a_number());
    let options = with(RuntimeChoice::OnnxRuntime);
    let text = load_version(dir.path(), &options).unwrap_err().to_string();
    assert!(
        text.contains("ONNX Runtime: parity vector 0: cost of candidate 0 is NaN"),
        "{text}"
    );
}

#[test]
fn a_process_has_one_library() {
    let dir = version_of(&broken::sound());
    load_version(dir.path(), &with(RuntimeChoice::OnnxRuntime)).unwrap();
    let other = Some(PathBuf::from("/another/libonnxruntime.so"));
    let options = LoadOptions {
        library: other,
        ..with(RuntimeChoice::OnnxRuntime)
    };
    let text = load_version(dir.path(), &options).unwrap_err().to_string();
    assert!(text.contains("needs a restart"), "{text}");
}

#[test]
fn more_threads_than_sessions_find_them_busy_and_never_wrong() {
    let dir = version_of(&study_net(7, 32, 24));
    let options = LoadOptions {
        sessions: 2,
        ..with(RuntimeChoice::OnnxRuntime)
    };
    let model = load_version(dir.path(), &options).unwrap();
    let expected = costs(&model, 8);
    let rows: Vec<f32> = (0..8 * FEATURES)
        .map(|i| ((i * 29) % 83) as f32 / 20.0 - 2.0)
        .collect();
    let start = Barrier::new(6);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..200 {
                    let mut costs = vec![0.0; 8];
                    let context = [0.75; CONTEXT];
                    match model.score(&rows, &context, &mut costs, &mut Workspace::default()) {
                        Ok(()) => assert_eq!(costs, expected),
                        Err(error) => assert!(matches!(error, ScoreError::Busy(2)), "{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(costs(&model, 8), expected, "all sessions are back");
}

#[test]
fn wrong_lengths_are_an_error() {
    let dir = version_of(&broken::sound());
    let model = load_version(dir.path(), &with(RuntimeChoice::OnnxRuntime)).unwrap();
    let mut workspace = Workspace::default();
    assert!(
        model
            .score(&[0.0; 3], &[0.0; CONTEXT], &mut [0.0], &mut workspace)
            .is_err()
    );
    assert!(
        model
            .score(&[], &[0.0; CONTEXT], &mut [], &mut workspace)
            .is_ok()
    );
}
