//! Compiles any bytes as a `model.onnx`, and scores with what compiles.

#![no_main]

use lb_policy::{
    features::{CONTEXT, FEATURES},
    model::{Scorer, Workspace, compile_native},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(scorer) = compile_native(bytes) {
        let mut workspace = Workspace::default();
        // Down and up again: the workspace is reused from one decision to the next.
        for candidates in [1, 8, 2, 32, 1] {
            score(&*scorer, candidates, &mut workspace);
        }
    }
});

fn score(scorer: &dyn Scorer, candidates: usize, workspace: &mut Workspace) {
    let rows: Vec<f32> = (0..candidates * FEATURES)
        .map(|i| i as f32 / 16.0)
        .collect();
    let mut costs = vec![0.0; candidates];
    let scored = scorer.score(&rows, &[0.5; CONTEXT], &mut costs, workspace);
    scored.expect("what compiled takes any number of candidates");
}
