//! A change of apps, made whole: records, environments and shims are several files, and a command can be killed between them.
//!
//! What is to be done is written down first. Whoever next changes apps finds it there and completes it, unless Pkg has
//! changed its record since, whose word then counts. All of it happens under Pkg's lock.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::jll::is_jll;
use super::journal;
use super::{Channels, ENVIRONMENTS, jll, removal, shim, usage};
use crate::sys::{crash_point, files};
use crate::toolchain::Error;

/// The texts of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// Pkg's.
    pub(super) apps: String,
    /// That of JLL packages.
    pub(super) natives: String,
    pub(super) channels: String,
}

/// All that changes. Paths are relative to the depot, which may be moved meanwhile.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) before: Texts,
    pub(super) after: Texts,
    pub(super) moves: Vec<Move>,
    /// Folders that go.
    pub(super) removed: Vec<PathBuf>,
    /// Apps whose shims go, and are made.
    pub(super) gone: Vec<String>,
    pub(super) come: Vec<String>,
}

/// A folder that is to change places with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) place: PathBuf,
    /// Another folder, as deep in the depot.
    pub(super) from: PathBuf,
    /// That folder's number on its file system, by which it is known wherever it lies.
    pub(super) inode: u64,
}

impl Move {
    pub(super) fn new(depot: &Path, from: &Path, place: &Path) -> Self {
        let relative = |path: &Path| path.strip_prefix(depot).unwrap_or(path).to_owned();
        Self { place: relative(place), from: relative(from), inode: inode(from) }
    }

    /// Moves it into its place, if it is not there; `back` out of it again.
    fn make(&self, depot: &Path, back: bool) -> Result<(), Error> {
        let (from, place) = (depot.join(&self.from), depot.join(&self.place));
        let (now, then) = if back { (&place, &from) } else { (&from, &place) };
        if inode(now) != self.inode {
            return Ok(());
        }
        let moved = match then.parent().map_or(Ok(()), fs::create_dir_all) {
            Ok(()) if then.exists() => files::exchange(now, then),
            Ok(()) => fs::rename(now, then),
            failed => failed,
        };
        moved.map_err(|error| Error::app_file("cannot replace", then, &error))
    }
}

/// Zero for what is not there: no file has that number.
fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |found| found.ino())
}

/// A record as it is; empty where there is none.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| Error::app_file("cannot read", path, &error)),
    }
}

fn record(depot: &Path) -> PathBuf {
    depot.join(ENVIRONMENTS).join("AppManifest.toml")
}

/// Completes what a killed command has begun.
///
/// # Errors
/// It still cannot be completed.
pub(super) fn finish(depot: &Path) -> Result<(), Error> {
    let journal = journal::path(depot);
    let Ok(text) = fs::read_to_string(&journal) else { return Ok(()) };
    if let Some(commit) = journal::parse(&text) {
        let now = read(&record(depot))?;
        // Where there was no record `before` is what a new one begins with.
        let is_known = now == commit.before.apps || now == commit.after.apps || now.is_empty();
        if is_known { commit } else { commit.of_natives(now) }.apply(depot)?;
    }
    fs::remove_file(&journal).map_err(|error| Error::app_file("cannot remove", &journal, &error))
}

impl Commit {
    /// Makes the change.
    ///
    /// # Errors
    /// A file could not be written. Before the record was, everything is as it had been.
    pub(super) fn make(&self, depot: &Path) -> Result<(), Error> {
        let journal = journal::path(depot);
        let text = journal::text(self);
        files::replace(&journal, text.as_bytes()).map_err(|error| Error::app_file("cannot write", &journal, &error))?;
        let made = self.apply(depot);
        if made.is_ok() || self.revert(depot) {
            let _ = fs::remove_file(&journal);
        }
        made
    }

    /// Every step may have been done already.
    fn apply(&self, depot: &Path) -> Result<(), Error> {
        // First: what it says of an app that is not recorded, or otherwise, counts for nothing.
        Channels::write(depot, &self.after.channels)?;
        self.moves.iter().try_for_each(|moved| moved.make(depot, false))?;
        crash_point("apps-moved");
        jll::write(depot, &self.after.natives)?;
        let record = record(depot);
        files::replace(&record, self.after.apps.as_bytes())
            .map_err(|error| Error::app_file("cannot write", &record, &error))?;
        self.apply_shims(depot)?;
        crash_point("apps-shims");
        self.removed.iter().try_for_each(|folder| removal::remove(&depot.join(folder)))?;
        crash_point("apps-removed");
        let manifests = self.moves.iter().map(|moved| depot.join(&moved.place).join("Manifest.toml"));
        manifests.filter(|manifest| manifest.is_file()).try_for_each(|manifest| usage::note(depot, &manifest))
    }

    /// A native app that is one no more would go on being run natively, by what was worked out for it.
    fn apply_shims(&self, depot: &Path) -> Result<(), Error> {
        self.gone.iter().chain(&self.come).try_for_each(|app| jll::forget(depot, app))?;
        self.gone.iter().try_for_each(|app| shim::remove(depot, app))?;
        self.come.iter().try_for_each(|app| shim::write(depot, app))?;
        jll::work_out(depot, self.come.iter().map(String::as_str))
    }

    /// Takes environments back where the record was not written; whether nothing is left to be done.
    fn revert(&self, depot: &Path) -> bool {
        read(&record(depot)).is_ok_and(|now| now != self.after.apps || self.after.apps == self.before.apps)
            && jll::write(depot, &self.before.natives).is_ok()
            && self.moves.iter().all(|moved| moved.make(depot, true).is_ok())
            && Channels::write(depot, &self.before.channels).is_ok()
    }

    /// What of it Pkg has no part in, where its record says something else now.
    fn of_natives(mut self, now: String) -> Self {
        self.after.apps = now;
        let is_native = |place: &Path| place.components().any(|part| part.as_os_str().to_str().is_some_and(is_jll));
        self.moves.retain(|moved| is_native(&moved.place));
        self.removed.retain(|folder| is_native(folder));
        let before = jll::parse(Path::new(""), &self.before.natives).unwrap_or_default();
        let after = jll::parse(Path::new(""), &self.after.natives).unwrap_or_default();
        self.gone.retain(|app| before.app(app).is_some());
        self.come.retain(|app| after.app(app).is_some());
        self
    }
}
