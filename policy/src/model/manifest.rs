//! `manifest.yaml`: what a model version is and which bytes belong to it. Written last by an
//! exporter, so a folder without one is a version still being written.

use super::{error::ModelError, file};
use crate::features::{CONTEXT, FEATURES};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// File name of the manifest.
pub(super) const MANIFEST: &str = "manifest.yaml";
/// File name of the graph.
pub(super) const MODEL: &str = "model.onnx";
/// File name of the test vectors.
pub(super) const PARITY: &str = "parity.json";

/// Far more than names, two checksums and a range per feature need.
const MAX_BYTES: u64 = 64 * 1024;

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: u64,
    /// Schema that the features had in training.
    pub(super) schema: String,
    /// How the weights came about.
    pub(super) training: String,
    /// sha256 by file name.
    pub(super) files: BTreeMap<String, String>,
    /// Smallest and largest value of each feature in training; empty when nothing was trained.
    #[serde(default)]
    pub(super) ranges: BTreeMap<String, [f32; 2]>,
}

impl Manifest {
    /// Reads the manifest in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, ModelError> {
        let path = dir.join(MANIFEST);
        let bytes = file::read(&path, MAX_BYTES)?;
        Self::parse(&bytes).map_err(|reason| ModelError::Manifest { path, reason })
    }

    /// Reads a file of this version and compares its sha256; also gives the sha256.
    pub(super) fn read_file(
        &self,
        dir: &Path,
        name: &str,
        limit: u64,
    ) -> Result<(Vec<u8>, String), ModelError> {
        let path = dir.join(name);
        let expected = self.files.get(name).cloned().unwrap_or_default();
        let bytes = file::read(&path, limit)?;
        let found = file::sha256(&bytes);
        if found == expected {
            return Ok((bytes, found));
        }
        Err(ModelError::Digest {
            path,
            expected,
            found,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_yaml::from_slice(bytes).map_err(|error| error.to_string())?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        for name in [MODEL, PARITY] {
            if !self.files.contains_key(name) {
                return Err(format!("files: no sha256 of {name}"));
            }
        }
        if let Some(other) = self
            .files
            .keys()
            .find(|name| ![MODEL, PARITY].contains(&name.as_str()))
        {
            return Err(format!("files: {other} is not part of a model"));
        }
        if self.ranges.len() > FEATURES + CONTEXT {
            return Err(format!(
                "ranges: {} entries, more than features",
                self.ranges.len()
            ));
        }
        match self
            .ranges
            .iter()
            .find(|(_, [low, high])| !(low <= high && high - low < f32::INFINITY))
        {
            Some((name, range)) => Err(format!("ranges: {name}: {range:?} is not a range")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name: m\nversion: 3\nschema: '1:x'\ntraining: none\n\
                        files: {model.onnx: a, parity.json: b}\n";

    #[test]
    fn reads_every_key() {
        let manifest =
            Manifest::parse(format!("{GOOD}ranges: {{x: [0, 2.5]}}").as_bytes()).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.version), ("m", 3));
        assert_eq!(manifest.ranges["x"].to_vec(), [0.0, 2.5]);
    }

    #[test]
    fn refuses_unknown_keys_missing_files_and_odd_ranges() {
        for (text, reason) in [
            (format!("{GOOD}nmae: x"), "unknown field `nmae`"),
            (
                GOOD.replace("parity.json: b", "other: b"),
                "no sha256 of parity.json",
            ),
            (
                GOOD.replace("{model", "{evil.sh: c, model"),
                "evil.sh is not part",
            ),
            (format!("{GOOD}ranges: {{x: [2, 1]}}"), "is not a range"),
            (format!("{GOOD}ranges: {{x: [.nan, 1]}}"), "is not a range"),
            ("[1, 2".to_owned(), "expected"),
        ] {
            let error = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{error:?} should say {reason:?}");
        }
    }
}
