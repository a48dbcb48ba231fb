//! Environments in the making. They lie beside those that they will replace, as deep in the depot, so that relative paths
//! in them stay right when they are moved into place.
//!
//! A lock that dies with its process tells the leftovers of a killed command from the work of a running one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{ENVIRONMENTS, Edit};
use crate::sys::files;
use crate::toolchain::Error;

const PREFIX: &str = ".jlapp-";
const LOCK: &str = ".lock";

/// Folders for environments that nobody sees yet; what is left in them goes with this.
pub struct Staging {
    /// `<depot>/environments/apps/.jlapp-<pid>`, to which a number and `.lock` are appended.
    stem: PathBuf,
    made: usize,
    _lock: File,
}

impl Staging {
    /// Under Pkg's lock, which `edit` holds: so nobody sweeps what has no lock yet.
    ///
    /// # Errors
    /// The depot cannot be written to.
    pub fn new(edit: &Edit) -> Result<Self, Error> {
        let folder = edit.depot().join(ENVIRONMENTS);
        let name = format!("{PREFIX}{}", std::process::id());
        let lock = folder.join(format!("{name}{LOCK}"));
        let taken = files::try_lock(&lock).map_err(|error| Error::file("cannot lock", &lock, &error))?;
        let taken = taken.ok_or_else(|| {
            Error::failed(format!("cannot lock {}", lock.display()), "another process holds it", "try again")
        })?;
        Ok(Self { stem: folder.join(name), made: 0, _lock: taken })
    }

    /// A new, empty folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&mut self) -> Result<PathBuf, Error> {
        let folder = with_suffix(&self.stem, &format!("-{}", self.made));
        self.made += 1;
        fs::create_dir(&folder).map_err(|error| Error::file("cannot make", &folder, &error))?;
        Ok(folder)
    }

    /// A file that goes with the folders.
    pub fn file(&self, name: &str) -> PathBuf {
        with_suffix(&self.stem, &format!("-{name}"))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        remove_all(&self.stem);
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes what commands that were killed have left. Under Pkg's lock.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(LOCK)) else { continue };
        if stem.starts_with(PREFIX) && files::try_lock(&entry.path()).is_ok_and(|lock| lock.is_some()) {
            remove_all(&folder.join(stem));
        }
    }
}

/// The lock file last: what has none is never found again.
fn remove_all(stem: &Path) {
    let (Some(folder), Some(name)) = (stem.parent(), stem.file_name().and_then(|name| name.to_str())) else { return };
    let own = format!("{name}-");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&own)) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
    let _ = fs::remove_file(with_suffix(stem, LOCK));
}
