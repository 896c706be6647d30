//! The folder that a run keeps its state in, so that it goes on where it was interrupted. It
//! belongs to one run: settings, scenarios and schema are compared before anything is taken
//! from it.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_yaml::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const IDENTITY: &str = "run.yaml";

/// What has to be equal for a run to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity<S> {
    /// The settings.
    pub settings: S,
    /// sha256 of the scenarios' family file.
    pub scenarios_sha256: String,
    /// Feature schema.
    pub schema: String,
}

/// A folder of checkpoints.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
}

impl WorkFolder {
    /// Opens the folder of a run, or begins it.
    ///
    /// # Errors
    /// When it belongs to another run (names the keys that differ), or cannot be written.
    pub fn open<S: Serialize>(path: &Path, identity: &Identity<S>) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let folder = Self {
            path: path.to_owned(),
        };
        let wanted = serde_yaml::to_value(identity).context("cannot write the settings")?;
        let file = path.join(IDENTITY);
        let Some(text) = read(&file)? else {
            let text = serde_yaml::to_string(&wanted).context("cannot write the settings")?;
            folder.replace(IDENTITY, text.as_bytes())?;
            return Ok(folder);
        };
        let found: Value =
            serde_yaml::from_str(&text).with_context(|| file.display().to_string())?;
        let mut differences = Vec::new();
        compare("", &found, &wanted, &mut differences);
        if !differences.is_empty() {
            bail!(
                "{} holds another run: {}; take another --work folder or remove this one",
                path.display(),
                differences.join("; ")
            );
        }
        Ok(folder)
    }

    /// Reads a checkpoint; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn load<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let path = self.path.join(name);
        read(&path)?
            .map(|text| serde_json::from_str(&text).with_context(|| path.display().to_string()))
            .transpose()
    }

    /// Writes a checkpoint, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store<T: Serialize>(&self, name: &str, value: &T) -> anyhow::Result<()> {
        let text = serde_json::to_vec(value).with_context(|| format!("cannot write {name}"))?;
        self.replace(name, &text)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let (part, path) = (self.path.join(format!("{name}.part")), self.path.join(name));
        fs::write(&part, bytes)
            .and_then(|()| fs::rename(&part, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The text of a file; `None` when there is none.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Adds the keys whose values differ.
fn compare(key: &str, found: &Value, wanted: &Value, differences: &mut Vec<String>) {
    let (Value::Mapping(ours), Value::Mapping(theirs)) = (wanted, found) else {
        if found != wanted {
            differences.push(format!(
                "{key} is {} there and {} now",
                text(found),
                text(wanted)
            ));
        }
        return;
    };
    let keys = theirs.keys().filter(|key| !ours.contains_key(*key));
    for name in ours.keys().chain(keys) {
        let inner = match key {
            "" | "settings" => text(name),
            _ => format!("{key}.{}", text(name)),
        };
        let value = |mapping: &serde_yaml::Mapping| mapping.get(name).cloned().unwrap_or_default();
        compare(&inner, &value(theirs), &value(ours), differences);
    }
}

fn text(value: &Value) -> String {
    let text = serde_yaml::to_string(value).unwrap_or_default();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn identity(settings: Settings) -> Identity<Settings> {
        Identity {
            settings,
            scenarios_sha256: "ab".to_owned(),
            schema: "1:x".to_owned(),
        }
    }

    #[test]
    fn the_same_run_finds_its_checkpoints_again_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let value = vec![0.1f32, 1.0e-30, -7.654_321e-20];
        let numbers = vec![0.1f64 + 0.2, -1.234_567_890_123_456_7e-7];
        let first = WorkFolder::open(folder.path(), &identity(Settings::default())).unwrap();
        first.store("a.json", &(&value, &numbers)).unwrap();
        let again = WorkFolder::open(folder.path(), &identity(Settings::default())).unwrap();
        let found: (Vec<f32>, Vec<f64>) = again.load("a.json").unwrap().unwrap();
        assert_eq!(found, (value, numbers));
        assert_eq!(again.load::<u32>("b.json").unwrap(), None);
    }

    #[test]
    fn another_run_is_refused_by_the_keys_that_differ() {
        let folder = tempfile::tempdir().unwrap();
        WorkFolder::open(folder.path(), &identity(Settings::default())).unwrap();
        let mut settings = Settings::default();
        settings.gather.rounds = 3;
        let other = Identity {
            schema: "2:y".to_owned(),
            ..identity(settings)
        };
        let error = WorkFolder::open(folder.path(), &other)
            .unwrap_err()
            .to_string();
        for reason in ["gather.rounds is 8 there and 3 now", "schema is 1:x there"] {
            assert!(error.contains(reason), "{error}");
        }
        assert!(!error.contains("seed"), "{error}");
    }

    #[test]
    fn a_damaged_checkpoint_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let work = WorkFolder::open(folder.path(), &identity(Settings::default())).unwrap();
        fs::write(folder.path().join("a.json"), "[1, ").unwrap();
        let error = work.load::<Vec<u32>>("a.json").unwrap_err();
        assert!(format!("{error:#}").contains("a.json"));
    }
}
