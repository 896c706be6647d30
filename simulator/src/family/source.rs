//! Reading family files: `like`, names, recordings, and the check of the whole file.

use super::{
    Family, bounds, distribution,
    error::{FamilyError, Problem},
    knobs,
    recording::Recording,
};
use serde_yaml::{Mapping, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Largest family file: hundreds of times the largest of ours.
const FILE_MAX_BYTES: u64 = 256 * 1024;
/// Longest chain of files each `like` the next, so that a ring ends.
const LIKE_MAX: usize = 8;
/// Deepest folder below the one asked for, so that a ring of links ends.
const FOLDERS_MAX: usize = 8;

/// See [`Family::load`].
pub(super) fn load(file: &Path) -> Result<Family, FamilyError> {
    load_at(file, 0)
}

/// `path` itself, or the YAML files of the folder and of those in it, in order.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, FamilyError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect(path, FOLDERS_MAX, &mut found).map_err(|source| FamilyError::Read {
        file: path.to_owned(),
        source,
    })?;
    if found.is_empty() {
        return Err(invalid(path, Problem::new("", "no YAML files in it")));
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
    Ok(())
}

fn load_at(file: &Path, depth: usize) -> Result<Family, FamilyError> {
    let mut written = read(file)?;
    let header = Header::take(&mut written).map_err(|problem| invalid(file, problem))?;
    let base = match &header.like {
        None => None,
        Some(_) if depth >= LIKE_MAX => {
            let reason = format!("more than {LIKE_MAX} files are like one another");
            return Err(invalid(file, Problem::new("like", reason)));
        }
        Some(like) => Some(load_at(&folder(file).join(like), depth + 1)?),
    };
    anchor_logs(&mut written, folder(file));
    let name = match header.name {
        Some(name) => name,
        None => stem(file).to_owned(),
    };
    let (base_seed_name, written) = match base {
        Some(base) => (base.seed_name, merged(base.written, written)),
        None => (name.clone(), Value::Mapping(written)),
    };
    let recordings = check(file, &written)?;
    Ok(Family {
        file: file.to_owned(),
        seed_name: header.seed_name.unwrap_or(base_seed_name),
        name,
        written,
        recordings,
    })
}

fn read(file: &Path) -> Result<Mapping, FamilyError> {
    let unreadable = |source| FamilyError::Read {
        file: file.to_owned(),
        source,
    };
    let bytes = fs::metadata(file).map_err(unreadable)?.len();
    if bytes > FILE_MAX_BYTES {
        let reason = format!("{bytes} bytes, more than {FILE_MAX_BYTES}");
        return Err(invalid(file, Problem::new("", reason)));
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let value: Value = serde_yaml::from_str(&text).map_err(|source| FamilyError::Syntax {
        file: file.to_owned(),
        source,
    })?;
    match value {
        Value::Mapping(mapping) => Ok(mapping),
        Value::Null => Ok(Mapping::new()),
        _ => Err(invalid(file, Problem::new("", "not a mapping of keys"))),
    }
}

/// What a file says of itself rather than of its scenarios.
#[derive(Default)]
struct Header {
    name: Option<String>,
    seed_name: Option<String>,
    like: Option<String>,
}

impl Header {
    fn take(written: &mut Mapping) -> Result<Self, Problem> {
        let mut text = |key: &str| match written.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(other) => Err(Problem::new(key, format!("{other:?} is not a text"))),
        };
        Ok(Self {
            name: text("name")?,
            seed_name: text("seed_name")?,
            like: text("like")?,
        })
    }
}

/// Makes paths of logs relative to the file that names them, wherever it is read from.
fn anchor_logs(written: &mut Mapping, folder: &Path) {
    for (key, value) in written {
        let is_log = key.as_str() == Some("log");
        anchor(value, folder, is_log);
    }
}

fn anchor(value: &mut Value, folder: &Path, is_log: bool) {
    match value {
        Value::String(path) if is_log => *path = folder.join(&*path).display().to_string(),
        Value::Mapping(mapping) if is_log => {
            for value in mapping.values_mut() {
                anchor(value, folder, true);
            }
        }
        Value::Mapping(mapping) => anchor_logs(mapping, folder),
        Value::Sequence(items) => {
            for item in items {
                anchor(item, folder, is_log);
            }
        }
        _ => {}
    }
}

/// `base` with what `change` says otherwise: sections are merged, values and distributions
/// replaced, and nothing (`~`) takes a key back to its default.
fn merged(base: Value, change: Mapping) -> Value {
    let mut base = match base {
        Value::Mapping(base) if !distribution::is_distribution(&base) => base,
        _ => Mapping::new(),
    };
    for (key, value) in change {
        let value = match value {
            Value::Null => {
                base.remove(&key);
                continue;
            }
            Value::Mapping(section) if !distribution::is_distribution(&section) => {
                merged(base.remove(&key).unwrap_or(Value::Null), section)
            }
            plain => plain,
        };
        base.insert(key, value);
    }
    Value::Mapping(base)
}

/// Checks every value that could be drawn, and reads every recording.
fn check(file: &Path, written: &Value) -> Result<BTreeMap<PathBuf, Recording>, FamilyError> {
    let extremes = distribution::extremes(written).map_err(|problem| invalid(file, problem))?;
    let mut problems: Vec<Problem> = Vec::new();
    let mut logs = BTreeSet::new();
    for extreme in extremes {
        match knobs::read(extreme).and_then(bounds::checked) {
            Ok(knobs) => logs.extend(knobs.arrivals.replay.map(|replay| replay.log)),
            Err(found) => {
                for problem in found {
                    // What is wrong whatever else is drawn comes with every extreme.
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(FamilyError::Invalid {
            file: file.to_owned(),
            problems,
        });
    }
    logs.into_iter()
        .map(|log| Ok((log.clone(), Recording::read(&log)?)))
        .collect()
}

fn invalid(file: &Path, problem: Problem) -> FamilyError {
    FamilyError::Invalid {
        file: file.to_owned(),
        problems: vec![problem],
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn stem(file: &Path) -> &str {
    file.file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("family")
}
