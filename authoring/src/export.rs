//! Writes a network as one version of a model: `model.onnx`, `parity.json` and, last,
//! `manifest.yaml`. The same network gives the same bytes every time.

use crate::{
    chance::Chance,
    network::Network,
    protobuf::{self, Envelope},
};
use anyhow::Context as _;
use lb_policy::features::{CONTEXT, FEATURES, schema_id};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

/// Test vectors per number of candidates.
const VECTORS_EACH: usize = 16;
/// Numbers of candidates in the test vectors; the model contract wants these.
const CANDIDATES: [usize; 4] = [1, 2, 8, 32];

/// What a version says of itself.
#[derive(Clone, Debug)]
pub struct Export {
    /// Name of the model.
    pub name: String,
    /// Number of the version.
    pub version: u64,
    /// How the weights came about.
    pub training: String,
    /// Smallest and largest value of each feature in training, by name; empty without training.
    pub ranges: BTreeMap<String, [f32; 2]>,
    /// Feature schema it claims; that of this build unless a test wants another.
    pub schema: String,
    /// Columns of `candidates` it claims; [`FEATURES`] unless a test wants another.
    pub features: usize,
    /// Version of ONNX's operators, 17 to 21.
    pub opset: i64,
}

impl Export {
    /// A version of a model for this build's features.
    pub fn new(name: &str, version: u64, training: &str) -> Self {
        Self {
            name: name.to_owned(),
            version,
            training: training.to_owned(),
            ranges: BTreeMap::new(),
            schema: schema_id().to_owned(),
            features: FEATURES,
            opset: 18,
        }
    }

    /// Writes the version into the folder `dir`, which is made if need be.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, network: &dyn Network, dir: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let model = self.model(network);
        let parity = parity(network)?;
        let manifest = self.manifest(&model, parity.as_bytes())?;
        let files: [(&str, &[u8]); 3] = [
            ("model.onnx", &model),
            ("parity.json", parity.as_bytes()),
            ("manifest.yaml", manifest.as_bytes()), // last: it makes the version complete
        ];
        for (name, bytes) in files {
            let path = dir.join(name);
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The bytes of `model.onnx`.
    pub fn model(&self, network: &dyn Network) -> Vec<u8> {
        let envelope = Envelope {
            features: self.features,
            context: CONTEXT,
            opset: self.opset,
            metadata: vec![
                ("lb.schema", self.schema.clone()),
                ("lb.name", self.name.clone()),
                ("lb.version", self.version.to_string()),
                ("lb.training", self.training.clone()),
            ],
        };
        protobuf::model(&network.graph(), &envelope)
    }

    fn manifest(&self, model: &[u8], parity: &[u8]) -> anyhow::Result<String> {
        let files = BTreeMap::from([
            ("model.onnx", sha256(model)),
            ("parity.json", sha256(parity)),
        ]);
        let manifest = Manifest {
            name: &self.name,
            version: self.version,
            schema: &self.schema,
            training: &self.training,
            files,
            ranges: &self.ranges,
        };
        serde_yaml::to_string(&manifest).context("cannot write the manifest")
    }
}

#[derive(Serialize)]
struct Manifest<'a> {
    name: &'a str,
    version: u64,
    schema: &'a str,
    training: &'a str,
    files: BTreeMap<&'static str, String>,
    ranges: &'a BTreeMap<String, [f32; 2]>,
}

#[derive(Serialize)]
struct Vector {
    candidates: Vec<f32>,
    context: Vec<f32>,
    cost: Vec<f32>,
}

/// The bytes of `parity.json`, one vector to a line.
fn parity(network: &dyn Network) -> anyhow::Result<String> {
    let mut chance = Chance::from_seed(1);
    let mut lines = Vec::new();
    for d in CANDIDATES.into_iter().flat_map(|d| [d; VECTORS_EACH]) {
        let candidates: Vec<f32> = (0..d * FEATURES).map(|_| chance.sixteenth()).collect();
        let context: Vec<f32> = (0..CONTEXT).map(|_| chance.sixteenth()).collect();
        let cost = network
            .costs(&candidates, &context)
            .into_iter()
            .map(written)
            .collect();
        lines.push(serde_json::to_string(&Vector {
            candidates,
            context,
            cost,
        })?);
    }
    Ok(format!("{{\"vectors\":[\n{}\n]}}\n", lines.join(",\n")))
}

/// JSON has no NaN; a network that gives it is refused whatever stands here.
fn written(cost: f64) -> f32 {
    if cost.is_finite() { cost as f32 } else { 0.0 }
}

fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
    }
    hex
}
