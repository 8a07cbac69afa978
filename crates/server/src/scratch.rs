//! A folder of our own below the system's temporary one, for copies of databases that must not be opened where they lie.
//!
//! Promises: nobody else's folder is used, nobody else may read it, and it is gone when dropped. Refuses to hold anything
//! secret.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The folder.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// A new, empty folder.
    pub(crate) fn new() -> std::io::Result<Scratch> {
        let name = format!("indelible-{}-{}", std::process::id(), crate::keyring::draw_letters(8));
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Scratch { folder })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over lies in the system's temporary folder and holds no secret.
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}
