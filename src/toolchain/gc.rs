//! Removing what nothing uses any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::install::Staging;
use super::stamp::is_absent;
use super::state::{Commit, State};
use super::{Error, Place};
use crate::sys::crash_point;

/// What was removed and what was kept, by folder.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Collected {
    pub removed: Vec<PathBuf>,
    /// No channel has it, but one of the programs in use lies in it.
    pub kept: Vec<PathBuf>,
}

/// Removes toolchains of ours that no channel has and that none of the programs `in_use` lies in, and what killed installs
/// have left. juliaup's are never touched.
///
/// # Errors
/// The record cannot be read, or something cannot be removed. Then all that is recorded is still there.
pub fn collect(place: &Place, in_use: &BTreeSet<PathBuf>) -> Result<Collected, Error> {
    // What is in there is nobody's any more: it is deleted without the lock, or by the next command if we are killed. A
    // full disk has no room for it, and is what made the user call us.
    let doomed = Staging::begin(place).ok();
    let collected = {
        let _commit = Commit::begin(place)?;
        crash_point("gc-locked");
        take_away(place, in_use, doomed.as_ref().map(Staging::tree).as_deref())?
    };
    crash_point("gc-hidden");
    doomed.map_or(Ok(()), Staging::remove)?;
    Ok(collected)
}

/// Takes what nobody uses out of sight.
fn take_away(place: &Place, in_use: &BTreeSet<PathBuf>, doomed: Option<&Path>) -> Result<Collected, Error> {
    let state = State::read(place)?;
    let recorded: BTreeSet<&str> = state.folders().collect();
    let in_use: Vec<PathBuf> = in_use.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect();
    let mut collected = Collected::default();
    let entries = fs::read_dir(place.toolchains()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_str().is_none_or(|name| !recorded.contains(name))) {
        let folder = entry.path();
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if in_use.iter().any(|path| path.starts_with(&real) || path.starts_with(&folder)) {
            collected.kept.push(folder);
            continue;
        }
        let taken = match doomed {
            Some(doomed) => move_into(doomed, &folder),
            None => delete(&folder),
        };
        taken.map_err(|error| Error::file("cannot remove", &folder, &error))?;
        crash_point("gc-moved");
        collected.removed.push(folder);
    }
    collected.removed.sort();
    collected.kept.sort();
    Ok(collected)
}

/// Deleting takes longer than a lock should be held.
fn move_into(doomed: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(doomed)?;
    fs::rename(folder, doomed.join(folder.file_name().unwrap_or_default()))
}

/// In its place. A tree without its program is taken for none, should this be cut short.
fn delete(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join("bin/julia")) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => fs::remove_dir_all(folder),
    }
}

/// The programs that run now, as far as this user may know (proc_pid_exe(5)).
pub fn running_programs() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path().join("exe")).ok())
}
