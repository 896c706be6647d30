//! Files that a command writes at its end.

use anyhow::{Context as _, Result};
use std::{
    fs::{self, OpenOptions},
    path::Path,
};

/// Fails when a file cannot be written, before minutes of work are lost to it.
pub(super) fn check_writable(path: &Path) -> Result<()> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.with_context(|| cannot_write(path))?;
    Ok(())
}

/// Writes a text.
pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("{}: cannot be written", path.display())
}
