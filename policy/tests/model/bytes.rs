//! Whatever the bytes of a file: an answer, never a panic.

use crate::fixture::{export, native, replace, version_of};
use lb_authoring::{broken, network::Network, study::study_net};
use lb_policy::{
    features::{CONTEXT, FEATURES},
    model::{Workspace, compile_native, load_version},
};
use proptest::prelude::*;

/// Compiles, and scores with what compiles.
fn try_out(bytes: &[u8]) {
    let Ok(scorer) = compile_native(bytes) else {
        return;
    };
    for d in [1, 3] {
        let (rows, mut costs) = (vec![1.0; d * FEATURES], vec![0.0; d]);
        let scored = scorer.score(
            &rows,
            &[1.0; CONTEXT],
            &mut costs,
            &mut Workspace::default(),
        );
        assert!(scored.is_ok(), "the native runtime has no way to fail");
    }
}

fn model(network: &dyn Network) -> Vec<u8> {
    export().model(network)
}

#[test]
fn every_cut_of_a_good_model_is_refused() {
    let bytes = model(&broken::sound());
    assert!(compile_native(&bytes).is_ok());
    for length in 0..bytes.len() {
        try_out(&bytes[..length]);
    }
    assert!(compile_native(&bytes[..bytes.len() / 2]).is_err());
}

#[test]
fn every_single_byte_may_be_wrong() {
    let bytes = model(&study_net(1, 4, 3));
    for place in 0..bytes.len() {
        for value in [
            0x00,
            0x01,
            0x7f,
            0x80,
            0xff,
            bytes[place] ^ 1,
            bytes[place].wrapping_add(8),
        ] {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            try_out(&bytes);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_no_model(bytes: Vec<u8>) {
        prop_assert!(compile_native(&bytes).is_err());
    }

    #[test]
    fn any_few_bytes_may_be_wrong(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut bytes = model(&study_net(2, 4, 3));
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        try_out(&bytes);
    }

    #[test]
    fn any_bytes_are_refused_as_a_file_of_a_version(
        bytes: Vec<u8>,
        file in prop::sample::select(vec!["model.onnx", "parity.json"])
    ) {
        let dir = version_of(&broken::sound());
        replace(dir.path(), file, &bytes);
        let error = load_version(dir.path(), &native()).expect_err("random bytes").to_string();
        prop_assert!(error.contains(file), "{error}");
    }
}
