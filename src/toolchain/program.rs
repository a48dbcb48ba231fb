//! Julias that are named by a path or looked up on `PATH`, and programs that only look like one.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::place::Variable;
use crate::env;
use crate::sys::process;

/// What an executable file called `julia` may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    Julia,
    /// It picks a Julia itself, and would do so for each launch, asking and downloading as it likes.
    JuliaupLauncher,
    /// `juliaclient` under another name: running it would lead back here.
    OwnClient,
}

/// All places where a word may lead to: itself where it holds a slash, else in the folders of `PATH`.
pub(super) fn candidates(word: &OsStr, directory: &Path, variable: Variable<'_>) -> Vec<PathBuf> {
    if word.as_bytes().contains(&b'/') {
        return vec![directory.join(word)];
    }
    let path = variable(env::PATH).unwrap_or_default();
    std::env::split_paths(&path).map(|folder| directory.join(folder).join(word)).collect()
}

/// Whether the file can be run, as far as its mode says.
pub(super) fn check_executable(path: &Path) -> io::Result<Metadata> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a program"));
    }
    if !found.is_file() || found.mode() & 0o111 == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not executable"));
    }
    Ok(found)
}

/// Tells what an executable file is.
pub(super) fn program(path: &Path, found: &Metadata) -> Program {
    let same = |other: &Path| fs::metadata(other).is_ok_and(|it| (it.dev(), it.ino()) == (found.dev(), found.ino()));
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = real.file_name().unwrap_or_default();
    let beside = |name: &str| real.with_file_name(name);
    if name == "juliaclient" || process::own_folder().is_ok_and(|folder| same(&folder.join("juliaclient"))) {
        return Program::OwnClient;
    }
    if name == "julialauncher" || same(&beside("julialauncher")) || is_copied_launcher(&real) {
        return Program::JuliaupLauncher;
    }
    Program::Julia
}

/// juliaup's installers make `julia` a link where they can, and a copy where they cannot.
fn is_copied_launcher(real: &Path) -> bool {
    let beside = |name: &str| real.with_file_name(name).is_file();
    let in_a_tree = real.parent().and_then(Path::parent).is_some_and(|tree| tree.join("lib/julia").is_dir());
    beside("juliaup") && beside("julialauncher") && !in_a_tree
}
