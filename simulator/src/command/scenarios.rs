//! Families from paths, and their scenarios for an evaluation.

use anyhow::{Context as _, Result, bail};
use lb_simulator::{
    evaluation::{FamilyInfo, Round},
    family::Family,
};
use std::path::{Path, PathBuf};

/// The families of files and folders, in order.
pub(super) fn load(paths: &[PathBuf]) -> Result<Vec<Family>> {
    let mut families: Vec<Family> = Vec::new();
    for path in paths {
        for family in Family::load_all(path)? {
            if families.iter().any(|other| other.file() == family.file()) {
                bail!("{}: is given twice", family.file().display());
            }
            families.push(family);
        }
    }
    if families.is_empty() {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        bail!("no family file in {}", paths.join(", "));
    }
    Ok(families)
}

/// The scenarios of `count` seeds from `first` on, of each family.
pub(super) fn draw(families: &[Family], first: u64, count: u64) -> Result<Vec<Round>> {
    let Some(end) = first.checked_add(count) else {
        bail!("--seed-base {first}: {count} seeds from there on go beyond the largest number");
    };
    let mut rounds = Vec::with_capacity(families.len());
    for family in families {
        let scenarios: Result<Vec<_>, _> = (first..end).map(|seed| family.draw(seed)).collect();
        rounds.push(Round {
            family: info(family)?,
            seeds: (first..end).collect(),
            scenarios: scenarios?,
        });
    }
    Ok(rounds)
}

/// Gates know families by file and folder, so the folder must be in the path.
fn info(family: &Family) -> Result<FamilyInfo> {
    let file = family.file();
    let has_folder = file.parent().and_then(Path::file_name).is_some();
    let whole = if has_folder {
        file.to_owned()
    } else {
        let resolved = file.canonicalize();
        resolved.with_context(|| format!("{}: cannot be found", file.display()))?
    };
    Ok(FamilyInfo {
        name: family.name().to_owned(),
        file: whole.to_string_lossy().into_owned(),
    })
}
