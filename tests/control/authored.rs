//! Model versions, good and broken, written into folders of a test's own.

use lb_authoring::{broken, export::Export, linear::Linear, network::Network};
use std::{fs, path::Path};

/// A sound version; `bias` makes its file different from others.
pub(crate) fn write_good(model: &Path, version: u64, bias: f32) {
    let network = Linear {
        bias,
        ..broken::sound()
    };
    write(model, version, &network, |_| ());
}

/// A version whose costs are all NaN.
pub(crate) fn write_not_a_number(model: &Path, version: u64) {
    write(model, version, &broken::not_a_number(), |_| ());
}

/// Writes `network`, with what it says of itself changed by `change`.
pub(crate) fn write(
    model: &Path,
    version: u64,
    network: &dyn Network,
    change: impl FnOnce(&mut Export),
) {
    let mut export = Export::new("authored", version, "for a test");
    change(&mut export);
    // A rename shows the version whole: a reload under way must not see half of it.
    let written = model.with_extension("new");
    export
        .write(network, &written)
        .expect("the version is written");
    fs::create_dir_all(model).expect("a model folder");
    fs::rename(&written, model.join(version.to_string())).expect("the version is in place");
}

/// Cuts the graph of a version in half.
pub(crate) fn truncate(model: &Path, version: u64) {
    let graph = model.join(format!("{version}/model.onnx"));
    let bytes = fs::read(&graph).expect("a graph");
    fs::write(&graph, &bytes[..bytes.len() / 2]).expect("cut");
}

/// Removes a version.
pub(crate) fn remove(model: &Path, version: u64) {
    fs::remove_dir_all(model.join(version.to_string())).expect("the version was there");
}
