//! Environments in the making. They lie beside those that they will replace, as deep in the depot, so that relative paths
//! in them stay right when they are moved into place.
//!
//! A lock that dies with its process tells the leftovers of a killed command from the work of a running one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{ENVIRONMENTS, Edit, companion};
use crate::sys::files;
use crate::toolchain::Error;

const PREFIX: &str = ".jlapp-";
const LOCK: &str = ".lock";

/// Folders for environments that nobody sees yet; what is left in them goes with this.
pub struct Staging {
    depot: PathBuf,
    /// `.jlapp-<pid>`, to which a number and `.lock` are appended.
    stem: String,
    made: usize,
    _lock: File,
}

impl Staging {
    /// Under Pkg's lock, which `edit` holds: so nobody sweeps what has no lock yet.
    ///
    /// # Errors
    /// The depot cannot be written to.
    pub fn new(edit: &Edit) -> Result<Self, Error> {
        let depot = edit.depot().to_owned();
        let stem = format!("{PREFIX}{}", std::process::id());
        let lock = depot.join(ENVIRONMENTS).join(format!("{stem}{LOCK}"));
        let taken = files::try_lock(&lock).map_err(|error| Error::file("cannot lock", &lock, &error))?;
        let taken = taken.ok_or_else(|| {
            Error::failed(format!("cannot lock {}", lock.display()), "another process holds it", "try again")
        })?;
        Ok(Self { depot, stem, made: 0, _lock: taken })
    }

    /// A new, empty folder among the environments of packages.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&mut self) -> Result<PathBuf, Error> {
        let folder = self.file(&self.made.to_string());
        self.made += 1;
        fs::create_dir(&folder).map_err(|error| Error::file("cannot make", &folder, &error))?;
        Ok(folder)
    }

    /// A file that goes with the folders.
    pub fn file(&self, name: &str) -> PathBuf {
        self.depot.join(ENVIRONMENTS).join(format!("{}-{name}", self.stem))
    }

    /// A folder, to be made where it is needed, among what accompanies a package.
    pub fn accompanying(&self, package: &str, name: &str) -> PathBuf {
        companion::of_package(&self.depot, package).join(format!("{}-{name}", self.stem))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        remove_all(&self.depot, &self.stem);
    }
}

/// Removes what commands that were killed have left. Under Pkg's lock.
pub(super) fn sweep(depot: &Path) {
    let folder = depot.join(ENVIRONMENTS);
    for record in [".jlapp.commit", "AppManifest.toml", "jlls.toml", "jlapp.toml"] {
        // As `sys::files::replace` names what it writes first.
        let _ = fs::remove_file(folder.join(format!("{record}.new")));
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(LOCK)) else { continue };
        if stem.starts_with(PREFIX) && files::try_lock(&entry.path()).is_ok_and(|lock| lock.is_some()) {
            remove_all(depot, stem);
        }
    }
}

/// The lock file last: what has none is never found again.
fn remove_all(depot: &Path, stem: &str) {
    let own = format!("{stem}-");
    remove_in(&depot.join(ENVIRONMENTS), &own);
    for package in fs::read_dir(companion::of_all(depot)).into_iter().flatten().flatten() {
        if remove_in(&package.path(), &own) {
            // Made for nothing else, where it is empty now.
            let _ = fs::remove_dir(package.path());
        }
    }
    let _ = fs::remove_file(depot.join(ENVIRONMENTS).join(format!("{stem}{LOCK}")));
}

/// Whether there was anything.
fn remove_in(folder: &Path, own: &str) -> bool {
    let mut found = false;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(own)) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            found = true;
        }
    }
    found
}
