//! Folders for what is being unpacked: nobody looks for a Julia there, and what nobody works on is removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::part;
use crate::sys::files;
use crate::toolchain::state::Commit;
use crate::toolchain::{Error, Place};

/// A folder of this install's own; removed with it.
pub(in crate::toolchain) struct Staging {
    folder: PathBuf,
    /// Held for as long as somebody works here.
    _lock: File,
}

impl Staging {
    /// Removes what killed installs have left, and makes a new one.
    pub(in crate::toolchain) fn begin(place: &Place) -> Result<Self, Error> {
        // Under the lock: one that has just been made and is not locked yet is no leftover.
        let (left, made) = {
            let _commit = Commit::begin(place)?;
            (leftovers(place), Self::make(place))
        };
        remove(&left);
        // The leftovers may have taken the room that was missing.
        made.or_else(|_| {
            let _commit = Commit::begin(place)?;
            Self::make(place)
        })
    }

    fn make(place: &Place) -> Result<Self, Error> {
        let parent = place.staging();
        let cannot = |path: &Path, error: io::Error| Error::file("cannot make", path, &error);
        fs::create_dir_all(&parent).map_err(|error| cannot(&parent, error))?;
        for number in 0.. {
            let folder = parent.join(format!("{}-{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => {
                    let lock = folder.join("lock");
                    let locked = files::lock(&lock).map_err(|error| cannot(&lock, error))?;
                    return Ok(Self { folder, _lock: locked });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot(&folder, error)),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Where the archive goes, or what is to be deleted; not made yet.
    pub(in crate::toolchain) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// What a rename makes visible must be on the disk: a power cut would leave a Julia of empty files.
    pub(super) fn make_durable(&self) -> Result<(), Error> {
        let tree = self.tree();
        let synced = File::open(&tree).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.map_err(|error| Error::file("cannot write", &tree, &error))
    }

    /// Removes it with all that is in it, and says where that fails.
    pub(in crate::toolchain) fn remove(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.folder).map_err(|error| Error::file("cannot remove", &self.folder, &error))
    }

    /// Into its place, under the lock. Where another install was quicker, its tree is as good.
    pub(super) fn move_to(&self, folder: &Path) -> Result<(), Error> {
        let cannot = |error: io::Error| Error::file("cannot write", folder, &error);
        if folder.join("bin/julia").is_file() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(cannot)?;
        }
        // Something with no Julia in it: a user's own doing, or a tree half removed.
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot(error)),
            _ => fs::rename(self.tree(), folder).map_err(cannot),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Folders and parts that nobody works on.
fn leftovers(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.staging()).into_iter().flatten().flatten();
    let is_left = |path: &PathBuf| {
        if path.is_dir() { !matches!(files::try_lock(&path.join("lock")), Ok(None)) } else { part::is_abandoned(path) }
    };
    entries.map(|entry| entry.path()).filter(is_left).collect()
}

fn remove(left: &[PathBuf]) {
    for path in left {
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

/// Removes what killed installs have left, where that can be done.
pub(super) fn clean(place: &Place) {
    let left = Commit::begin(place).map(|_commit| leftovers(place));
    remove(&left.unwrap_or_default());
}
