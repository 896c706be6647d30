//! Family files of a test's own.

use lb_simulator::family::{Family, FamilyError};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// A folder of files, gone when dropped.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("a temporary folder takes folders");
        fs::write(path, text).expect("a temporary folder takes files");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn load(&self, name: &str) -> Result<Family, FamilyError> {
        Family::load(&self.path(name))
    }
}

/// What loading a file with this text says.
pub(crate) fn refusal(text: &str) -> String {
    let folder = Folder::new().with("family.yaml", text);
    match folder.load("family.yaml") {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}
