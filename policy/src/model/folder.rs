//! A model folder: numbered versions, of which the highest that passes every check is served.

use super::{
    error::ModelError,
    load::{LoadOptions, Model, load_version},
    manifest::MANIFEST,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Versions looked at, newest first; older ones are history.
const MAX_VERSIONS: usize = 100;

/// A model and what was passed over to find it.
#[derive(Debug)]
pub struct Loaded {
    /// The version to serve.
    pub model: Arc<Model>,
    /// Newer versions that failed, newest first.
    pub skipped: Vec<ModelError>,
}

/// Loads the highest version in `folder` that passes every check. A folder that holds a
/// manifest itself is loaded as the version it is.
///
/// # Errors
/// [`ModelError::NoVersion`] with the reason for each version when none passes.
pub fn load_folder(folder: &Path, options: &LoadOptions) -> Result<Loaded, ModelError> {
    if is_version(folder) {
        let model = Arc::new(load_version(folder, options)?);
        return Ok(Loaded {
            model,
            skipped: Vec::new(),
        });
    }
    let mut skipped = Vec::new();
    for version in versions(folder)? {
        match load_version(&version, options) {
            Ok(model) => {
                return Ok(Loaded {
                    model: Arc::new(model),
                    skipped,
                });
            }
            Err(error) => skipped.push(error),
        }
    }
    Err(ModelError::NoVersion {
        path: folder.to_owned(),
        skipped,
    })
}

fn is_version(folder: &Path) -> bool {
    folder.join(MANIFEST).exists()
}

/// Numbered folders, highest first.
fn versions(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let numbers = numbered(folder).map_err(|source| ModelError::Read {
        path: folder.to_owned(),
        source,
    })?;
    let newest = numbers.into_iter().rev().take(MAX_VERSIONS);
    Ok(newest
        .map(|number| folder.join(number.to_string()))
        .collect())
}

fn numbered(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<u64>().ok()) else {
            continue;
        };
        // `007` and `+7` parse as well, but would not be found again by their number.
        if name.to_str() == Some(number.to_string().as_str()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
