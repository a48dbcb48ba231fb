//! Where toolchains lie: juliaup's and our own, in one depot.
//!
//! The depot is juliaup's, not the first of `JULIA_DEPOT_PATH`: a launch with a depot of its own, as test suites make
//! them, still finds the Julias that are installed.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::env;

/// Looks up an environment variable: this process's, or that of a client.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The files and folders of toolchains.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    depot: PathBuf,
}

impl Place {
    /// In `JULIAUP_DEPOT_PATH` if that is absolute, as juliaup demands, else in `~/.julia`. `None` without a home.
    pub fn from_environment(variable: Variable<'_>) -> Option<Self> {
        let named = variable(env::JULIAUP_DEPOT_PATH).map(PathBuf::from).filter(|path| path.is_absolute());
        let depot = named.or_else(|| Some(home(variable)?.join(".julia")))?;
        Some(Self { depot })
    }

    /// A depot by its folder.
    pub const fn at(depot: PathBuf) -> Self {
        Self { depot }
    }

    /// juliaup's record. Read, never written.
    pub fn juliaup_file(&self) -> PathBuf {
        self.depot.join("juliaup/juliaup.json")
    }

    /// Our own folder.
    pub fn folder(&self) -> PathBuf {
        self.depot.join("jlapp")
    }

    /// Our own record of channels and settings.
    pub fn state_file(&self) -> PathBuf {
        self.folder().join("toolchains.json")
    }

    /// Held while the record or the folder of toolchains is changed, never while something is downloaded.
    pub fn lock_file(&self) -> PathBuf {
        self.folder().join("toolchains.lock")
    }

    /// One folder for each toolchain of ours.
    pub fn toolchains(&self) -> PathBuf {
        self.folder().join("toolchains")
    }

    /// Where downloads are unpacked, on the file system of [`Place::toolchains`].
    pub fn staging(&self) -> PathBuf {
        self.folder().join("staging")
    }

    /// The server's list of versions as it was last seen.
    pub fn versions_file(&self) -> PathBuf {
        self.folder().join("versions.json")
    }
}

/// The user's folder, from `HOME` or the password file.
pub(super) fn home(variable: Variable<'_>) -> Option<PathBuf> {
    variable(env::HOME).map(PathBuf::from).filter(|home| home.is_absolute()).or_else(dirs::home_dir)
}

/// Where Pkg keeps apps: the first depot of `JULIA_DEPOT_PATH`, whose leading empty entry is the user's, else `~/.julia`.
pub fn first_depot(variable: Variable<'_>) -> Option<PathBuf> {
    let listed = variable(env::JULIA_DEPOT_PATH).filter(|list| !list.is_empty());
    let first = listed.as_ref().and_then(|list| std::env::split_paths(list).next());
    first.filter(|path| path.is_absolute()).or_else(|| Some(home(variable)?.join(".julia")))
}
