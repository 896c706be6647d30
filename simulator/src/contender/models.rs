//! The models that learned contenders run, loaded and checked as the proxy does.

use super::error::ContenderError;
use lb_policy::{
    model::{LoadOptions, Loaded, Model, RuntimeChoice, load_folder},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::Arc};

/// Models by name, in the order in which they were given.
#[derive(Debug, Default)]
pub struct Models {
    named: Vec<(String, Arc<Model>)>,
}

/// Which bytes a learned contender ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// Name in the manifest.
    pub name: String,
    /// Version in the manifest.
    pub version: u64,
    /// sha256 of the graph.
    pub sha256: String,
    /// Feature schema.
    pub schema: String,
    /// How the weights came about, as the manifest tells.
    pub training: String,
    /// Folder of the version.
    pub path: String,
}

impl Models {
    /// Loads models written as `NAME=DIR` or `DIR`, which takes the name of the folder. They run
    /// on the native runtime, which makes a run repeatable.
    ///
    /// # Errors
    /// When a name is missing, odd or there twice, when a model would not be served, and when a
    /// newer version than the one that would be served is broken: it must be plain what ran.
    pub fn load(written: &[String]) -> Result<Self, ContenderError> {
        let mut models = Self::default();
        for text in written {
            let (name, dir) = split(text)?;
            if models.find(&name).is_some() {
                let reason = format!("the name `{name}` is taken; write NAME=DIR");
                return Err(named(text, reason));
            }
            let model = load(&name, Path::new(dir))?;
            models.named.push((name, model));
        }
        Ok(models)
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| name.as_str())
    }

    /// The model of a name.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Model>> {
        let found = self.named.iter().find(|(other, _)| other == name)?;
        Some(&found.1)
    }
}

impl ModelInfo {
    /// What `model` is.
    pub fn of(model: &Model) -> Self {
        Self {
            name: model.name().to_owned(),
            version: model.version(),
            sha256: model.sha256().to_owned(),
            schema: model.schema().to_owned(),
            training: model.training().to_owned(),
            path: model.path().display().to_string(),
        }
    }
}

fn load(name: &str, dir: &Path) -> Result<Arc<Model>, ContenderError> {
    let refused = |cause| ContenderError::Refused {
        name: name.to_owned(),
        cause: Box::new(cause),
    };
    // The clock serves a time budget alone, and none is set.
    let options = LoadOptions {
        runtime: RuntimeChoice::Native,
        ..LoadOptions::new(Timestamp::default)
    };
    let Loaded { model, skipped } = load_folder(dir, &options).map_err(refused)?;
    match skipped.into_iter().next() {
        Some(newest) => Err(refused(newest)),
        None => Ok(model),
    }
}

fn split(text: &str) -> Result<(String, &str), ContenderError> {
    let (name, dir) = match text.split_once('=') {
        Some((name, dir)) => (name.to_owned(), dir),
        None => (folder_name(text), text),
    };
    let is_odd = |c: char| c.is_whitespace() || ":;,=".contains(c);
    if name.is_empty() || name.contains(is_odd) {
        let reason = format!("`{name}` cannot be a name; write NAME=DIR");
        return Err(named(text, reason));
    }
    Ok((name, dir))
}

/// `models/default` is `default`, and `models/default/2` is `default/2`.
fn folder_name(dir: &str) -> String {
    let mut parts: Vec<_> = Path::new(dir)
        .components()
        .rev()
        .take(2)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let is_version = parts
        .first()
        .is_some_and(|last| last.parse::<u64>().is_ok());
    parts.truncate(if is_version { 2 } else { 1 });
    parts.reverse();
    parts.join("/")
}

fn named(written: &str, reason: String) -> ContenderError {
    ContenderError::ModelName {
        written: written.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_take_the_name_of_their_folder() {
        assert_eq!(split("models/default").unwrap().0, "default");
        assert_eq!(split("models/default/2/").unwrap().0, "default/2");
        assert_eq!(
            split("new=models/x").unwrap(),
            ("new".to_owned(), "models/x")
        );
        for odd in ["", "=x", "a b=x", "a,b=x"] {
            let error = split(odd).unwrap_err().to_string();
            assert!(error.contains("cannot be a name"), "{error}");
        }
    }

    #[test]
    fn a_folder_without_a_model_is_refused_by_name() {
        let empty = tempfile::tempdir().unwrap();
        let written = format!("new={}", empty.path().display());
        let error = Models::load(&[written]).unwrap_err().to_string();
        assert!(error.starts_with("model new: "), "{error}");
        assert!(error.contains("no version can be served"), "{error}");
    }
}
