//! What `jlapp update` would change: said by `jlapp status --outdated` and `jlapp update --dry-run`.
//!
//! Registries are brought up to date, and what is newer is got, in folders beside the environments: so it is Pkg's own
//! answer. Nothing that an app uses is changed.

use std::path::Path;

use serde::Serialize;

use super::failure::Failure;
use super::install::{Installation, Made, Plan};
use super::names::{Names, packages};
use super::{add, choose, say_waiting};
use crate::apps::{self, App, Change, Channels, Declared, Edit, Manifest, Package};
use crate::toolchain::Selection;

/// What would become of a package.
#[derive(Default, Serialize)]
pub(super) struct Changes {
    package: String,
    uuid: String,
    /// It stays as it is, whatever there is.
    pinned: bool,
    /// Versions of it and of its dependencies.
    versions: Vec<Change>,
    apps_gone: Vec<String>,
    apps_come: Vec<String>,
    /// The Julia that takes the place of the recorded one.
    julia: Option<String>,
    /// It cannot be told; why has been said on standard error.
    failed: bool,
}

impl Changes {
    /// Between what is installed and an environment that would take its place.
    ///
    /// # Errors
    /// A manifest cannot be read.
    pub(super) fn of(depot: &Path, package: &Package, made: &Made) -> Result<Self, Failure> {
        let before = Manifest::read(&package.environment(depot))?.with(&package.uuid, package.entry());
        let versions = Manifest::read(&made.environment)?.changes_since(&before);
        Ok(Self { versions, ..Self::of_apps(package, &made.declared, &made.julia) })
    }

    /// Between the apps that are recorded and those that a package declares.
    fn of_apps(package: &Package, declared: &Declared, julia: &Selection) -> Self {
        let names = |apps: &[App], others: &[App]| -> Vec<String> {
            let is_other = |app: &&App| !others.iter().any(|other| other.name == app.name);
            apps.iter().filter(is_other).map(|app| app.name.clone()).collect()
        };
        let (then, now) = (&package.apps, &declared.apps);
        let other = then.iter().any(|app| app.julia_command.as_deref() != Some(&julia.binary));
        Self {
            apps_gone: names(then, now),
            apps_come: names(now, then),
            julia: other.then(|| julia.binary.display().to_string()),
            ..Self::unchanged(package)
        }
    }

    fn unchanged(package: &Package) -> Self {
        Self { package: package.name.clone(), uuid: package.uuid.clone(), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.apps_gone.is_empty() && self.apps_come.is_empty() && self.julia.is_none()
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let versions = self.versions.iter().map(ToString::to_string);
        let gone = self.apps_gone.iter().map(|app| format!("app {app} goes"));
        let come = self.apps_come.iter().map(|app| format!("app {app} comes"));
        versions.chain(gone).chain(come).chain(self.julia.iter().map(|julia| format!("Julia is {julia}"))).collect()
    }
}

/// Says it of packages, or of packages with apps of these names; of all where there is none.
///
/// # Errors
/// A name is unknown, or of one package it cannot be told.
pub(super) fn show(names: &[String], json: bool) -> Result<(), Failure> {
    let depot = add::depot()?;
    let edit = Edit::begin(&depot, say_waiting)?;
    let packages = packages(&edit.installed(), names)?;
    let all = all(&depot, &packages, edit)?;
    if json {
        println!("{}", serde_json::to_string(&all).unwrap_or_default());
    } else {
        print(&all);
    }
    let failed: Vec<&str> = all.iter().filter(|one| one.failed).map(|one| one.package.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!("could not be looked up: {}", failed.join(", "))))
}

/// Of all packages, in their order.
fn all(depot: &Path, packages: &[Package], edit: Edit) -> Result<Vec<Changes>, Failure> {
    let mut julias = Vec::new();
    for package in packages {
        julias.push(choose::julia(None, Some(package), edit.channels())?);
    }
    let is_got = |package: &Package| package.path.is_none() && !package.pinned;
    let wanted = packages.iter().zip(&julias).filter(|(package, _)| is_got(package));
    let plans: Vec<Plan> = wanted.map(|(package, julia)| plan(package, julia, edit.channels())).collect();
    let mut installation = Installation::begin(edit, Names { force: false })?;
    let mut made = installation.try_make(plans)?.into_iter();
    packages
        .iter()
        .zip(&julias)
        .map(|(package, julia)| match (package.path.is_some(), is_got(package)) {
            (_, true) => match made.next().flatten() {
                Some(made) => Changes::of(depot, package, &made),
                None => Ok(Changes { failed: true, ..Changes::unchanged(package) }),
            },
            (true, false) => Ok(Changes::of_apps(package, &apps::declared(&package.environment(depot))?, julia)),
            (false, false) => Ok(Changes { pinned: true, ..Changes::unchanged(package) }),
        })
        .collect()
}

/// How a package is got again, in its newest version.
pub(super) fn plan(package: &Package, julia: &Selection, channels: &Channels) -> Plan {
    let bundled = channels.is_bundled(&package.uuid);
    Plan { words: package.spec().words(), files: None, bundled, julia: julia.clone(), optional: true }
}

fn print(all: &[Changes]) {
    for one in all.iter().filter(|one| one.pinned) {
        println!("{} is pinned; `jlapp unpin {0}` lets it go", one.package);
    }
    let mut outdated = all.iter().filter(|one| !one.is_empty()).peekable();
    if outdated.peek().is_none() && !all.iter().any(|one| one.failed) {
        println!("everything is up to date");
    }
    for one in outdated {
        println!("{}", one.package);
        one.lines().iter().for_each(|line| println!("  {line}"));
    }
}
