//! Changing Pkg's record of apps, as Pkg itself would leave it: under its lock, written beside and moved into place.
//! What others have put into it stays.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::commit::{self, Commit, Move};
use super::lock::Lock;
use super::{App, Channels, Declared, ENVIRONMENTS, Entry, Package, Record, companion, record, shim, staging};
use crate::toolchain::{Error, Selection};

const HEAD: &str =
    "# This file is machine-generated - editing it directly is not advised\n\nmanifest_format = \"2.0\"\n";

/// A change that is being made: nobody else makes one meanwhile.
pub struct Edit {
    depot: PathBuf,
    path: PathBuf,
    /// As it was read.
    text: String,
    document: DocumentMut,
    record: Record,
    channels: Channels,
    /// Environments that come in place of those that are there.
    moves: Vec<Move>,
    /// Apps whose shims have to be ours from now on: Pkg's would go on leading to what was there before.
    changed: Vec<String>,
    _lock: Lock,
}

/// What is in an app's way.
#[derive(Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another package has an app of this name.
    Package { app: String, package: String },
    /// A file in the depot's `bin` that is no shim.
    File { app: String, path: PathBuf },
}

impl Edit {
    /// Locks and reads the record of a depot. `waiting` is called when that takes longer than a moment.
    ///
    /// # Errors
    /// It cannot be locked or read, or is malformed.
    pub fn begin(depot: &Path, waiting: impl FnOnce(&Path)) -> Result<Self, Error> {
        let folder = depot.join(ENVIRONMENTS);
        fs::create_dir_all(&folder).map_err(|error| Error::file("cannot make", &folder, &error))?;
        let lock = Lock::take(&folder.join(".pid"), waiting)?;
        let path = folder.join("AppManifest.toml");
        commit::finish(depot, &path)?;
        staging::sweep(&folder);
        let text = commit::read(&path)?;
        let text = if text.is_empty() { HEAD.to_owned() } else { text };
        let record = record::parse(&path, text.as_bytes())?;
        let document =
            text.parse().map_err(|error| Error::failed(path.display().to_string(), error, "nothing was changed"))?;
        Ok(Self {
            depot: depot.to_owned(),
            path,
            text,
            document,
            record,
            channels: Channels::read(depot),
            moves: Vec::new(),
            changed: Vec::new(),
            _lock: lock,
        })
    }

    pub const fn record(&self) -> &Record {
        &self.record
    }

    pub const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The depot whose record it is.
    pub fn depot(&self) -> &Path {
        &self.depot
    }

    /// What stands in the way of a package's apps.
    pub fn conflicts(&self, declared: &Declared) -> Vec<Conflict> {
        let mut found = Vec::new();
        for App { name, .. } in &declared.apps {
            let path = shim::path(&self.depot, name);
            match self.record.app(name) {
                Some((package, _)) if package.uuid != declared.uuid => {
                    found.push(Conflict::Package { app: name.clone(), package: package.name.clone() });
                }
                None if path.symlink_metadata().is_ok() && !shim::is_shim(&path) => {
                    found.push(Conflict::File { app: name.clone(), path });
                }
                Some(_) | None => {}
            }
        }
        found
    }

    /// Records a package under development in `folder`, in place of what was recorded of it. Its apps follow the
    /// channel of `julia`, where that has one.
    pub fn develop(&mut self, declared: &Declared, folder: &Path, julia: &Selection) {
        let mut entry = self.emptied(declared);
        entry.insert("path", value(folder.display().to_string()));
        if let Some(version) = &declared.version {
            entry.insert("version", value(version));
        }
        self.channels.bundle(&declared.uuid, false);
        self.complete(declared, entry, julia);
    }

    /// Records a package with the environment in `folder`, which is moved into its place, in place of what was recorded.
    pub fn install(&mut self, declared: &Declared, source: &Entry, folder: &Path, bundled: bool, julia: &Selection) {
        let mut entry = self.emptied(declared);
        let keys = [
            ("git-tree-sha1", &source.tree_hash),
            ("repo-url", &source.repo_url),
            ("repo-rev", &source.repo_rev),
            ("repo-subdir", &source.repo_subdir),
            ("version", &source.version),
        ];
        for (key, text) in keys {
            if let Some(text) = text {
                entry.insert(key, value(text));
            }
        }
        self.moves.push(Move::new(&declared.name, folder));
        self.channels.bundle(&declared.uuid, bundled);
        self.complete(declared, entry, julia);
    }

    /// Says that a package stays at its version, or no longer; whether that is new.
    pub fn pin(&mut self, package: &Package, pinned: bool) -> bool {
        let Some(mut entry) = self.take(&package.name, &package.uuid) else { return false };
        let before = entry.get("pinned").and_then(Item::as_bool).unwrap_or(false);
        if pinned {
            entry.insert("pinned", value(true));
        } else {
            entry.remove("pinned");
        }
        self.put(&package.name, entry);
        before != pinned
    }

    /// Says that packages stay at their versions, by their UUIDs.
    pub fn pin_all(&mut self, uuids: &[&str]) {
        let deps = self.packages().iter_mut().filter_map(|(_, item)| item.as_array_of_tables_mut());
        for entry in deps.flat_map(ArrayOfTables::iter_mut) {
            if entry.get("uuid").and_then(Item::as_str).is_some_and(|uuid| uuids.contains(&uuid)) {
                entry.insert("pinned", value(true));
            }
        }
    }

    /// The entry of a package, without what says where it comes from and which apps it has. What others have put into it stays.
    fn emptied(&mut self, declared: &Declared) -> Table {
        for app in &declared.apps {
            self.forget_app(&app.name);
        }
        let mut entry = self.take(&declared.name, &declared.uuid).unwrap_or_default();
        for key in
            ["git-tree-sha1", "repo-url", "repo-rev", "repo-subdir", "entryfile", "pinned", "apps", "version", "path"]
        {
            entry.remove(key);
        }
        entry
    }

    /// Puts an entry back, with the apps of the package.
    fn complete(&mut self, declared: &Declared, mut entry: Table, julia: &Selection) {
        entry.insert("uuid", value(&declared.uuid));
        entry.sort_values();
        let mut apps = Table::new();
        apps.set_implicit(true);
        for app in &declared.apps {
            apps.insert(&app.name, Item::Table(app_table(app, &julia.binary)));
            let followed = (julia.channel.as_ref(), julia.version.as_ref());
            self.changed.push(app.name.clone());
            self.channels.follow((&declared.uuid, &app.name), &julia.binary, followed.0, followed.1);
        }
        entry.insert("apps", Item::Table(apps));
        self.put(&declared.name, entry);
    }

    /// Forgets a package, or one app; with its last app a package goes. The names of the apps that went, and of the
    /// package if it did.
    pub fn remove(&mut self, name: &str) -> (Vec<String>, Option<String>) {
        let whole = self.record.packages.iter().find(|package| package.name == name);
        let of_app =
            || self.record.app(name).filter(|(package, _)| package.apps.len() == 1).map(|(package, _)| package);
        match whole.or_else(of_app).cloned() {
            Some(package) => {
                self.take(&package.name, &package.uuid);
                (package.apps.into_iter().map(|app| app.name).collect(), Some(package.name))
            }
            None if self.record.app(name).is_some() => {
                self.forget_app(name);
                (vec![name.to_owned()], None)
            }
            None => (Vec::new(), None),
        }
    }

    /// Writes the record; then shims of apps that came are made, and those of apps that went are removed. A command that
    /// is killed meanwhile has changed nothing, or the next one completes it.
    ///
    /// # Errors
    /// The record could not be written, and nothing was changed; or a shim could not.
    pub fn commit(self) -> Result<(), Error> {
        let after = self.document.to_string();
        let now = record::parse(&self.path, after.as_bytes())?;
        let names = |record: &Record| -> Vec<String> {
            record.packages.iter().flat_map(|package| package.apps.iter().map(|app| app.name.clone())).collect()
        };
        let (before, now_named) = (names(&self.record), names(&now));
        let is_ours = |name: &String| !before.contains(name) || self.changed.contains(name);
        let commit = Commit {
            channels: self.channels.text(&now),
            gone: before.iter().filter(|name| !now_named.contains(name)).cloned().collect(),
            come: now_named.into_iter().filter(is_ours).collect(),
            moves: self.moves,
            before: self.text,
            after,
        };
        commit.make(&self.depot, &self.path)
    }

    fn packages(&mut self) -> &mut Table {
        let deps = self.document.entry("deps").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        if !deps.is_table() {
            *deps = Item::Table(Table::new());
        }
        #[expect(clippy::expect_used, reason = "it has just been made one")]
        deps.as_table_mut().expect("a table")
    }

    /// Takes a package's entry out.
    fn take(&mut self, name: &str, uuid: &str) -> Option<Table> {
        let packages = self.packages();
        let entries = packages.get_mut(name)?.as_array_of_tables_mut()?;
        let at = entries.iter().position(|entry| entry.get("uuid").and_then(Item::as_str) == Some(uuid))?;
        let entry = entries.get(at).cloned();
        entries.remove(at);
        if entries.is_empty() {
            packages.remove(name);
        }
        entry
    }

    fn put(&mut self, name: &str, entry: Table) {
        let entries = self.packages().entry(name).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(entries) = entries.as_array_of_tables_mut() {
            entries.push(entry);
        }
    }

    fn forget_app(&mut self, app: &str) {
        let Some((package, uuid)) =
            self.record.app(app).map(|(package, _)| (package.name.clone(), package.uuid.clone()))
        else {
            return;
        };
        let Some(mut entry) = self.take(&package, &uuid) else { return };
        let apps = entry.get_mut("apps").and_then(Item::as_table_like_mut);
        let left = apps.is_some_and(|apps| {
            apps.remove(app);
            !apps.is_empty()
        });
        if left {
            self.put(&package, entry);
        }
    }
}

fn app_table(app: &App, julia: &Path) -> Table {
    let mut table = Table::new();
    table.insert("julia_command", value(julia.display().to_string()));
    if !app.julia_flags.is_empty() {
        table.insert("julia_flags", value(app.julia_flags.iter().map(Value::from).collect::<Array>()));
    }
    if let Some(submodule) = &app.submodule {
        table.insert("submodule", value(submodule));
    }
    table
}

/// Takes away the environment of a package that is recorded no more; a checkout is the user's own.
///
/// # Errors
/// It could not be removed.
pub fn remove_environment(depot: &Path, package: &str) -> Result<(), Error> {
    companion::remove(depot, package)?;
    let folder = depot.join(ENVIRONMENTS).join(package);
    if !folder.is_dir() {
        return Ok(());
    }
    // Aside first: half an environment is never seen.
    let aside = depot.join(ENVIRONMENTS).join(format!(".{package}.removed"));
    let _ = fs::remove_dir_all(&aside);
    let removed = fs::rename(&folder, &aside).and_then(|()| fs::remove_dir_all(&aside));
    removed.map_err(|error| Error::file("cannot remove", &folder, &error))
}
