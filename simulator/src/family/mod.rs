//! Families of scenarios: YAML files that say how scenarios are drawn. The schema is in
//! `docs/scenarios.md`.

mod error;
mod stream;
mod distribution;
mod knobs;
mod bounds;
mod recording;
mod source;
mod draw;

pub use error::{FamilyError, Problem};

use crate::scenario::Scenario;
use knobs::Knobs;
use recording::Recording;
use serde_yaml::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use stream::Stream;

/// A family of scenarios.
#[derive(Clone, Debug)]
pub struct Family {
    file: PathBuf,
    name: String,
    seed_name: String,
    /// Values and distributions of all knobs, `like` resolved.
    written: Value,
    recordings: BTreeMap<PathBuf, Recording>,
}

impl Family {
    /// Reads a family file and checks everything that a draw could run into.
    ///
    /// # Errors
    /// When the file, one that it is `like` or one that it replays cannot be read, or when keys
    /// or values are wrong; then all problems found are listed.
    pub fn load(file: &Path) -> Result<Self, FamilyError> {
        source::load(file)
    }

    /// Reads a family file, or all of a folder and the folders in it, in order of their paths.
    ///
    /// # Errors
    /// As [`Self::load`], for the first that fails.
    pub fn load_all(path: &Path) -> Result<Vec<Self>, FamilyError> {
        source::files(path)?
            .iter()
            .map(|file| Self::load(file))
            .collect()
    }

    /// Its name: that in the file, or else the file's own without the ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The scenario of a seed: always the same for the same file.
    ///
    /// # Errors
    /// When values drawn together contradict each other.
    pub fn draw(&self, seed: u64) -> Result<Scenario, FamilyError> {
        let stream = Stream::new(&self.seed_name, seed);
        let knobs = self.knobs(&stream.at("knobs"))?;
        let recording = knobs
            .arrivals
            .replay
            .as_ref()
            .and_then(|replay| self.recordings.get(&replay.log));
        Ok(draw::scenario(&self.name, &knobs, recording, &stream))
    }

    fn knobs(&self, stream: &Stream) -> Result<Knobs, FamilyError> {
        let drawn = distribution::draw(&self.written, stream);
        knobs::read(drawn)
            .and_then(bounds::checked)
            .map_err(|problems| FamilyError::Invalid {
                file: self.file.clone(),
                problems,
            })
    }
}
