//! Changing which apps there are. Pkg's record is changed as Pkg itself would: under its lock, beside and moved into place.

use std::fs;
use std::path::{Path, PathBuf};

use super::commit::{self, Commit, Move, Texts};
use super::document::{HEAD, RecordDocument};
use super::lock::Lock;
use super::{
    App, Channels, Declared, ENVIRONMENTS, Entry, Package, Record, companion, jll, precompiled, record, staging,
};
use crate::toolchain::{Error, Selection};

/// A change that is being made: nobody else makes one meanwhile.
pub struct Edit {
    depot: PathBuf,
    path: PathBuf,
    /// As they were read.
    before: Texts,
    document: RecordDocument,
    record: Record,
    /// JLL packages, as they were, and as they will be.
    natives: Record,
    natives_after: Record,
    channels: Channels,
    /// Folders that come in place of those that are there, and folders that go.
    moves: Vec<Move>,
    removed: Vec<PathBuf>,
    /// Apps whose shims have to be ours from now on: Pkg's would go on leading to what was there before.
    changed: Vec<String>,
    _lock: Lock,
}

impl Edit {
    /// Locks and reads the records of a depot. `waiting` is called when that takes longer than a moment.
    ///
    /// # Errors
    /// They cannot be locked or read, or are malformed.
    pub fn begin(depot: &Path, waiting: impl FnOnce(&Path)) -> Result<Self, Error> {
        let folder = depot.join(ENVIRONMENTS);
        fs::create_dir_all(&folder).map_err(|error| Error::app_file("cannot make", &folder, &error))?;
        let lock = Lock::take(&folder.join(".pid"), waiting)?;
        let path = folder.join("AppManifest.toml");
        commit::finish(depot)?;
        staging::sweep(depot);
        let text = commit::read(&path)?;
        let text = if text.is_empty() { HEAD.to_owned() } else { text };
        let record = record::parse(&path, text.as_bytes())?;
        let document = RecordDocument::parse(&path, &text)?;
        let (natives, channels) = (jll::read(depot)?, Channels::read(depot));
        let before =
            Texts { apps: text, natives: jll::text(&natives), channels: channels.text(&record.with(&natives)) };
        Ok(Self {
            depot: depot.to_owned(),
            path,
            before,
            document,
            record,
            natives_after: natives.clone(),
            natives,
            channels,
            moves: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
            _lock: lock,
        })
    }

    /// What is installed, native apps included.
    pub fn installed(&self) -> Record {
        self.record.with(&self.natives)
    }

    pub const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The depot whose apps they are.
    pub fn depot(&self) -> &Path {
        &self.depot
    }

    /// Records a package under development in `folder`, in place of what was recorded of it. Its apps follow the
    /// channel of `julia`, where that has one.
    pub fn develop(&mut self, declared: &Declared, folder: &Path, julia: &Selection) {
        let entry =
            Entry { path: Some(folder.display().to_string()), version: declared.version.clone(), ..Entry::default() };
        // The environment of a package that had been added.
        let environment = self.depot.join(ENVIRONMENTS).join(&declared.name);
        self.removed.extend(environment.exists().then(|| relative(&self.depot, &environment)));
        self.take_names(declared);
        self.document.record(declared, &entry, &julia.binary);
        self.channels.bundle(&declared.uuid, false);
        self.follow(declared, julia);
    }

    /// Records a package with the environment in `folder`, which is moved into its place, in place of what was recorded.
    pub fn install(&mut self, declared: &Declared, source: &Entry, folder: &Path, bundled: bool, julia: &Selection) {
        self.take_names(declared);
        let source = Entry { path: None, ..source.clone() };
        if declared.native {
            self.natives_after.packages.push(native(declared, source, &julia.binary));
            self.natives_after.packages.sort_by(|one, other| one.name.cmp(&other.name));
        } else {
            self.document.record(declared, &source, &julia.binary);
        }
        self.place(folder, &self.depot.join(ENVIRONMENTS).join(&declared.name));
        self.channels.bundle(&declared.uuid, bundled);
        self.follow(declared, julia);
    }

    /// Puts the environment of what only a package's app files need in place; where there is none, what was there goes.
    pub fn own_dependencies(&mut self, package: &str, staged: Option<&Path>) {
        self.accompany(&companion::dependencies(&self.depot, package), staged);
    }

    /// The same of the depot with a package's precompile files.
    pub fn keep_precompiled(&mut self, package: &str, staged: Option<&Path>) {
        self.accompany(&precompiled::place(&self.depot, package), staged);
    }

    fn accompany(&mut self, place: &Path, staged: Option<&Path>) {
        match staged.filter(|staged| staged.is_dir()) {
            Some(staged) => self.place(staged, place),
            None if place.exists() => self.removed.push(relative(&self.depot, place)),
            None => {}
        }
    }

    fn place(&mut self, staged: &Path, place: &Path) {
        self.moves.push(Move::new(&self.depot, staged, place));
        self.removed.retain(|folder| self.depot.join(folder) != place);
    }

    /// Says that a package stays at its version, or no longer; whether that is new.
    pub fn pin(&mut self, package: &Package, pinned: bool) -> bool {
        if package.native {
            let all = self.natives_after.packages.iter_mut();
            all.filter(|native| native.uuid == package.uuid).for_each(|native| native.pinned = pinned);
        } else {
            self.document.pin(&package.name, &package.uuid, pinned);
        }
        package.pinned != pinned
    }

    /// Says that packages stay at their versions, by their names and UUIDs.
    pub fn pin_all(&mut self, packages: &[(&str, &str)]) {
        for (name, uuid) in packages {
            self.document.pin(name, uuid, true);
            let all = self.natives_after.packages.iter_mut();
            all.filter(|native| native.uuid == *uuid).for_each(|native| native.pinned = true);
        }
    }

    /// Forgets a package, or one app; with its last app a package goes. The names of the apps that went, and of the
    /// package if it did.
    pub fn remove(&mut self, name: &str) -> (Vec<String>, Option<String>) {
        let now = self.after().unwrap_or_default();
        let whole = now.packages.iter().find(|package| package.name == name);
        let of_app = || now.app(name).filter(|(package, _)| package.apps.len() == 1).map(|(package, _)| package);
        match whole.or_else(of_app).cloned() {
            Some(package) => {
                self.forget(&package);
                (package.apps.into_iter().map(|app| app.name).collect(), Some(package.name))
            }
            None if now.app(name).is_some() => {
                self.forget_app(&now, name);
                (vec![name.to_owned()], None)
            }
            None => (Vec::new(), None),
        }
    }

    /// Writes the records; then shims of apps that came are made, and those of apps that went are removed. A command that
    /// is killed meanwhile has changed nothing, or the next one completes it.
    ///
    /// # Errors
    /// The record could not be written, and nothing was changed; or a shim could not.
    pub fn commit(mut self) -> Result<(), Error> {
        let (before, after) = (self.installed(), self.after()?);
        self.remove_leftovers(&before, &after);
        let had = |name: &str| before.app(name).is_some();
        let is_ours = |name: &&str| !had(name) || self.changed.iter().any(|changed| changed == name);
        let commit = Commit {
            gone: before.app_names().filter(|name| after.app(name).is_none()).map(str::to_owned).collect(),
            come: after.app_names().filter(is_ours).map(str::to_owned).collect(),
            after: Texts {
                apps: self.document.text(),
                natives: jll::text(&self.natives_after),
                channels: self.channels.text(&after),
            },
            before: self.before,
            moves: self.moves,
            removed: self.removed,
        };
        commit.make(&self.depot)
    }

    /// What will be installed.
    fn after(&self) -> Result<Record, Error> {
        let record = record::parse(&self.path, self.document.text().as_bytes())?;
        Ok(record.with(&self.natives_after))
    }

    /// What belongs to packages that have gone, and is in the depot: a checkout is the user's own. Of those that Pkg has
    /// removed it has left what is ours.
    fn remove_leftovers(&mut self, before: &Record, after: &Record) {
        let is_left = |name: &str| !after.packages.iter().any(|other| other.name == name);
        let environments = self.depot.join(ENVIRONMENTS);
        let gone = before.packages.iter().filter(|package| is_left(&package.name));
        let gone = gone.map(|package| environments.join(&package.name)).filter(|folder| folder.exists());
        let ours = companion::all_packages(&self.depot).into_iter().filter(|name| is_left(name));
        let ours = ours.map(|name| companion::of_package(&self.depot, &name));
        self.removed.extend(gone.chain(ours).map(|folder| relative(&self.depot, &folder)));
    }

    /// A name belongs to one package, and a package is recorded once.
    fn take_names(&mut self, declared: &Declared) {
        let now = self.after().unwrap_or_default();
        for package in now.packages.iter().filter(|package| package.name == declared.name) {
            if package.native || declared.native || package.uuid != declared.uuid {
                self.forget(package);
            }
        }
        for app in &declared.apps {
            let now = self.after().unwrap_or_default();
            if now.app(&app.name).is_some_and(|(package, _)| !declared.is_of(package)) {
                self.forget_app(&now, &app.name);
            }
        }
    }

    fn follow(&mut self, declared: &Declared, julia: &Selection) {
        for app in &declared.apps {
            let followed = (julia.channel.as_ref(), julia.version.as_ref());
            self.changed.push(app.name.clone());
            self.channels.follow((&declared.uuid, &app.name), &julia.binary, followed.0, followed.1);
        }
    }

    fn forget(&mut self, package: &Package) {
        if package.native {
            self.natives_after.packages.retain(|native| native.uuid != package.uuid);
        } else {
            self.document.take(&package.name, &package.uuid);
        }
    }

    fn forget_app(&mut self, now: &Record, app: &str) {
        let Some((package, _)) = now.app(app) else { return };
        if package.native {
            self.natives_after.packages.iter_mut().for_each(|native| native.apps.retain(|other| other.name != app));
            self.natives_after.packages.retain(|native| !native.apps.is_empty());
        } else {
            self.document.take_app(&package.name, &package.uuid, app);
        }
    }
}

fn relative(depot: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(depot).unwrap_or(path).to_owned()
}

fn native(declared: &Declared, source: Entry, julia: &Path) -> Package {
    let app = |app: &App| App { name: app.name.clone(), julia_command: Some(julia.to_owned()), ..App::default() };
    Package {
        name: declared.name.clone(),
        uuid: declared.uuid.clone(),
        version: source.version.or_else(|| declared.version.clone()),
        path: None,
        repository: source.repo_url.map(|url| (url, source.repo_rev)),
        subdir: source.repo_subdir,
        tree: source.tree_hash,
        pinned: false,
        native: true,
        apps: declared.apps.iter().map(app).collect(),
    }
}
