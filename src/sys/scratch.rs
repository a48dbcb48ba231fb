//! A private folder below the one for temporary files, for as long as the value that stands for it lives.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Removes its folder, and what is in it, when it is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// # Errors
    /// No folder can be made there.
    pub fn new() -> io::Result<Self> {
        let mut number = 0;
        loop {
            let path = std::env::temp_dir().join(format!("jlapp-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                // Somebody else's, or left by a process that was killed and had our number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => return made.map(|()| Self(path)),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is among other temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
