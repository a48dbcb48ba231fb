//! `jlapp update`: newer versions of packages and their dependencies, and newer commits of repositories.

use clap_complete::engine::ArgValueCompleter;

use super::completions::packages_and_apps;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::install::{Installation, Made};
use super::names::{Names, packages};
use super::outdated::{Changes, plan};
use super::{add, choose, say_waiting};
use crate::apps::{self, Edit, Package};
use crate::toolchain::Selection;

/// Apps that a package no longer has go, and those that it has now come. What cannot be updated stays as it is.
#[derive(clap::Args)]
pub struct Update {
    /// Packages or apps; all where there is none
    #[arg(add = ArgValueCompleter::new(packages_and_apps))]
    names: Vec<String>,
    /// The channel of Julia to follow from now on, `+1.10`
    #[arg(long, value_name = "+channel")]
    julia: Option<String>,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Take the names of other packages' apps, and of files that are no shims
    #[arg(long)]
    force: bool,
}

/// A package that was updated, and what has changed.
struct Updated {
    made: Made,
    changes: Changes,
}

impl Update {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let depot = add::depot()?;
        let edit = Edit::begin(&depot, say_waiting)?;
        let packages = packages(&edit.installed(), &self.names)?;
        let (pinned, free): (Vec<Package>, Vec<Package>) = packages.into_iter().partition(|package| package.pinned);
        for package in &pinned {
            println!("{} is pinned at {}; `jlapp unpin {0}` lets it go", package.name, package.entry().label());
        }
        let (own, added): (Vec<Package>, Vec<Package>) = free.into_iter().partition(|package| package.path.is_some());
        let own = own.into_iter().map(|package| self.choose(package, &edit)).collect::<Result<Vec<_>, _>>()?;
        let added = added.into_iter().map(|package| self.choose(package, &edit)).collect::<Result<Vec<_>, _>>()?;
        let plans = added.iter().map(|(package, julia)| plan(package, julia, edit.channels())).collect();
        let mut installation = Installation::begin(edit, Names { force: self.force })?;
        let (mut failed, mut updated) = (Vec::new(), Vec::new());
        for ((package, _), made) in added.iter().zip(installation.try_make(plans)?) {
            match made {
                Some(made) => updated.push(Updated { changes: Changes::of(&depot, package, &made)?, made }),
                None => failed.push(package.name.clone()),
            }
        }
        let (updated, same): (Vec<Updated>, Vec<Updated>) =
            updated.into_iter().partition(|one| !one.changes.is_empty());
        let updated = if self.dry_run {
            updated
        } else {
            let ready = ready(&installation, updated, &mut failed)?;
            put(installation, &depot, own, &ready)?;
            ready
        };
        for one in &updated {
            println!("{}{}", one.made.declared.name, if self.dry_run { " would be updated" } else { " is updated" });
            one.changes.lines().iter().for_each(|line| println!("  {line}"));
        }
        for one in &same {
            println!("{} is up to date", one.made.declared.name);
        }
        if failed.is_empty() { Ok(()) } else { Err(stays(&failed)) }
    }

    fn choose(&self, package: Package, edit: &Edit) -> Result<(Package, Selection), Failure> {
        let julia = choose::julia(self.julia.as_deref(), Some(&package), edit.channels())?;
        Ok((package, julia))
    }
}

fn stays(names: &[String]) -> Failure {
    Failure::Refused(format!("could not be updated, and stays as it is: {}", names.join(", ")))
}

/// Those that can be loaded.
fn ready(
    installation: &Installation,
    updated: Vec<Updated>,
    failed: &mut Vec<String>,
) -> Result<Vec<Updated>, Failure> {
    let mut ready = Vec::new();
    for one in updated {
        match installation.prepare(&[&one.made]) {
            Ok(()) => ready.push(one),
            Err(error @ Failure::Interrupted(_)) => return Err(error),
            Err(error) => {
                eprintln!("jlapp: {}: {error}", one.made.declared.name);
                failed.push(one.made.declared.name.clone());
            }
        }
    }
    Ok(ready)
}

/// Puts updated packages in place, and reads what packages under development say of their apps now.
fn put(
    installation: Installation,
    depot: &Path,
    own: Vec<(Package, Selection)>,
    updated: &[Updated],
) -> Result<(), Failure> {
    let made: Vec<&Made> = updated.iter().map(|one| &one.made).collect();
    let mut checkouts: Vec<(apps::Declared, PathBuf, Selection)> = Vec::new();
    for (package, julia) in own {
        let folder = package.environment(depot);
        checkouts.push((apps::declared(&folder)?, folder, julia));
    }
    if made.is_empty() && checkouts.is_empty() {
        return Ok(());
    }
    installation.commit(&made, |edit| {
        for (declared, folder, julia) in &checkouts {
            edit.develop(declared, folder, julia);
        }
    })?;
    for (declared, folder, _) in &checkouts {
        println!("{} is under development in {}", declared.name, folder.display());
    }
    Ok(())
}
