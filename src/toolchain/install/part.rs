//! What has come in of an archive, so that an install that was killed goes on where it was.
//!
//! Only of archives with a published hash, which is also the name: whatever was kept, the whole is compared in the end.
//! Invariant: nothing depends on it. Where it cannot be kept the download goes on without, and what is left is removed by
//! whichever install comes next.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::sys::files;
use crate::toolchain::Place;

/// Of this install alone: it is locked. Removed with it, unless it is to be [kept](Part::keep); a kill keeps it, too.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    /// Bytes that were there before.
    length: u64,
    is_kept: bool,
}

impl Part {
    /// What there is of the archive with this hash. `None` where another install is getting it, or nothing can be written.
    pub(super) fn open(place: &Place, sha256: &str) -> Option<Self> {
        let folder = place.staging();
        fs::create_dir_all(&folder).ok()?;
        let path = folder.join(format!("{sha256}.{EXTENSION}"));
        // Another descriptor than the lock's, which cannot read.
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).ok()?;
        file.try_lock().ok()?;
        let length = file.metadata().ok()?.len();
        Some(Self { path, file, length, is_kept: false })
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Reads what was there before, from its beginning.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, most: u64) -> std::io::Result<usize> {
        buffer.clear();
        (&mut self.file).take(most).read_to_end(buffer)
    }

    /// Adds what has come in; false where that cannot be.
    pub(super) fn add(&mut self, piece: &[u8]) -> bool {
        self.file.write_all(piece).is_ok()
    }

    /// Leaves it to the next install.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

const EXTENSION: &str = "part";

/// Whether a file in staging is a part that nobody works on.
pub(super) fn is_abandoned(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION) && matches!(files::try_lock(path), Ok(Some(_)))
}
