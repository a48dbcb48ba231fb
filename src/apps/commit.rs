//! A change of apps, made whole: record, environments and shims are several files, and a command can be killed between them.
//!
//! What is to be done is written down first. Whoever next changes apps finds it there and completes it, unless Pkg has
//! changed its record since, whose word then counts. All of it happens under Pkg's lock.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::{Channels, ENVIRONMENTS, shim, usage};
use crate::sys::{crash_point, files};
use crate::toolchain::Error;

/// All that changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// Pkg's record before and after.
    pub(super) before: String,
    pub(super) after: String,
    /// Our own record after.
    pub(super) channels: String,
    pub(super) moves: Vec<Move>,
    /// Apps whose shims go, and are made.
    pub(super) gone: Vec<String>,
    pub(super) come: Vec<String>,
}

/// An environment that is to change places with what is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Move {
    package: String,
    /// A folder beside its place.
    from: PathBuf,
    /// The folder's number on its file system, by which it is known wherever it lies.
    inode: u64,
}

impl Move {
    pub(super) fn new(package: &str, from: &Path) -> Self {
        Self { package: package.to_owned(), from: from.to_owned(), inode: inode(from) }
    }

    fn place(&self, depot: &Path) -> PathBuf {
        depot.join(ENVIRONMENTS).join(&self.package)
    }

    /// Moves it into its place, if it is not there; `back` out of it again.
    fn make(&self, depot: &Path, back: bool) -> Result<(), Error> {
        let place = self.place(depot);
        let (now, then) = if back { (&place, &self.from) } else { (&self.from, &place) };
        if inode(now) != self.inode {
            return Ok(());
        }
        let moved = if then.exists() { files::exchange(now, then) } else { fs::rename(now, then) };
        moved.map_err(|error| Error::file("cannot replace", then, &error))
    }
}

/// Zero for what is not there: no file has that number.
fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |found| found.ino())
}

/// Pkg's record as it is; empty where there is none.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| Error::file("cannot read", path, &error)),
    }
}

fn journal(depot: &Path) -> PathBuf {
    depot.join(ENVIRONMENTS).join(".jlapp.commit")
}

/// Completes what a killed command has begun.
///
/// # Errors
/// It still cannot be completed.
pub(super) fn finish(depot: &Path, record: &Path) -> Result<(), Error> {
    let journal = journal(depot);
    let Ok(text) = fs::read_to_string(&journal) else { return Ok(()) };
    if let Some(commit) = Commit::parse(&text) {
        let now = read(record)?;
        // Where there was no record `before` is what a new one begins with.
        if now == commit.before || now == commit.after || now.is_empty() {
            commit.apply(depot, record)?;
        }
    }
    fs::remove_file(&journal).map_err(|error| Error::file("cannot remove", &journal, &error))
}

impl Commit {
    /// Makes the change.
    ///
    /// # Errors
    /// A file could not be written. Before the record was, everything is as it had been.
    pub(super) fn make(&self, depot: &Path, record: &Path) -> Result<(), Error> {
        let journal = journal(depot);
        let text = self.text();
        files::replace(&journal, text.as_bytes()).map_err(|error| Error::file("cannot write", &journal, &error))?;
        let made = self.apply(depot, record);
        if made.is_ok() || self.revert(depot, record) {
            let _ = fs::remove_file(&journal);
        }
        made
    }

    /// Every step may have been done already.
    fn apply(&self, depot: &Path, record: &Path) -> Result<(), Error> {
        // First: what it says of an app that is not recorded, or otherwise, counts for nothing.
        Channels::write(depot, &self.channels)?;
        self.moves.iter().try_for_each(|moved| moved.make(depot, false))?;
        crash_point("apps-moved");
        files::replace(record, self.after.as_bytes()).map_err(|error| Error::file("cannot write", record, &error))?;
        self.gone.iter().try_for_each(|app| shim::remove(depot, app))?;
        self.come.iter().try_for_each(|app| shim::write(depot, app))?;
        crash_point("apps-shims");
        for moved in &self.moves {
            usage::note(depot, &moved.place(depot).join("Manifest.toml"))?;
        }
        Ok(())
    }

    /// Takes environments back where the record was not written; whether nothing is left to be done.
    fn revert(&self, depot: &Path, record: &Path) -> bool {
        read(record).is_ok_and(|now| now != self.after)
            && self.moves.iter().all(|moved| moved.make(depot, true).is_ok())
    }

    fn text(&self) -> String {
        let mut document = DocumentMut::new();
        document.insert("before", value(&self.before));
        document.insert("after", value(&self.after));
        document.insert("channels", value(&self.channels));
        document.insert("gone", value(self.gone.iter().collect::<Array>()));
        document.insert("come", value(self.come.iter().collect::<Array>()));
        let mut moves = ArrayOfTables::new();
        for moved in &self.moves {
            let mut table = Table::new();
            table.insert("package", value(&moved.package));
            table.insert("from", value(moved.from.display().to_string()));
            table.insert("inode", value(moved.inode.cast_signed()));
            moves.push(table);
        }
        document.insert("moves", Item::ArrayOfTables(moves));
        document.to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        let document: DocumentMut = text.parse().ok()?;
        let text = |key: &str| document.get(key)?.as_str().map(str::to_owned);
        let list = |key: &str| -> Option<Vec<String>> {
            document.get(key)?.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let moves = document.get("moves").and_then(Item::as_array_of_tables);
        let moves = moves.into_iter().flatten().map(|table| {
            let text = |key: &str| table.get(key)?.as_str().map(str::to_owned);
            let inode = table.get("inode")?.as_integer()?.cast_unsigned();
            Some(Move { package: text("package")?, from: text("from")?.into(), inode })
        });
        Some(Self {
            before: text("before")?,
            after: text("after")?,
            channels: text("channels")?,
            moves: moves.collect::<Option<_>>()?,
            gone: list("gone")?,
            come: list("come")?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back() {
        let commit = Commit {
            before: "# a\n\n[[deps.X]]\nuuid = \"\"\"1\"\"\"\n".into(),
            after: String::new(),
            channels: "ä\\\"\n".into(),
            moves: vec![Move { package: "X".into(), from: "/a b/.jlapp-1-0".into(), inode: u64::MAX - 1 }],
            gone: vec!["x".into(), "y".into()],
            come: vec![],
        };
        assert_eq!(Commit::parse(&commit.text()), Some(commit));
        assert_eq!(Commit::parse("before = 1"), None);
    }
}
