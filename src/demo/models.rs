//! The two model versions of the demo, built into the program, and how a version is put in place
//! beneath a running proxy.

use anyhow::{Context as _, Result};
use std::{fs, path::Path};

/// A version's number and files, the manifest last.
pub(super) struct Version {
    /// Its folder's name.
    pub(super) number: u64,
    files: [(&'static str, &'static [u8]); 3],
}

macro_rules! version {
    ($number:literal, $folder:literal) => {
        Version {
            number: $number,
            files: [
                (
                    "model.onnx",
                    include_bytes!(concat!($folder, "/model.onnx")),
                ),
                (
                    "parity.json",
                    include_bytes!(concat!($folder, "/parity.json")),
                ),
                (
                    "manifest.yaml",
                    include_bytes!(concat!($folder, "/manifest.yaml")),
                ),
            ],
        }
    };
}

/// What the proxy starts with: hand-set, as `peak_ewma`.
pub(super) const FIRST: Version = version!(1, "../../models/default/1");
/// What is reloaded under load: trained.
pub(super) const SECOND: Version = version!(7, "../../models/default/7");

impl Version {
    /// Puts the version into the model folder `models`. Until the last step it has a name that no
    /// proxy looks at, so that none can see half of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn publish(&self, models: &Path) -> Result<()> {
        let unfinished = models.join(format!(".{}-unfinished", self.number));
        let finished = models.join(self.number.to_string());
        self.write(&unfinished)
            .and_then(|()| fs::rename(&unfinished, &finished))
            .with_context(|| format!("cannot write {}", finished.display()))
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        for (name, bytes) in self.files {
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_policy::{
        model::{LoadOptions, load_folder},
        time::Timestamp,
    };

    #[test]
    fn the_second_version_is_served_once_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let served = || {
            // A clock that stands still: nothing here is about speed.
            let options = LoadOptions::new(|| Timestamp::ZERO);
            let loaded = load_folder(folder.path(), &options).unwrap();
            assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
            loaded.model.version()
        };
        FIRST.publish(folder.path()).unwrap();
        let unfinished = format!(".{}-unfinished", SECOND.number);
        SECOND.write(&folder.path().join(unfinished)).unwrap();
        assert_eq!(served(), FIRST.number);
        SECOND.publish(folder.path()).unwrap();
        assert_eq!(served(), SECOND.number);
    }
}
