//! Names of packages and apps: which are meant, and which somebody else has already.

use super::failure::Failure;
use crate::apps::{Conflict, Declared, Edit, Package, Record};
use crate::name::near_misses;

/// Whether names that others have may be taken.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub force: bool,
}

impl Names {
    /// Says what is in the way of packages' apps.
    ///
    /// # Errors
    /// Something is, and may not be taken.
    pub(super) fn check<'a>(
        self,
        edit: &Edit,
        packages: impl IntoIterator<Item = &'a Declared>,
    ) -> Result<(), Failure> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let mut complaints = Vec::new();
        for package in packages {
            let conflicts = edit.conflicts(package);
            complaints.extend(conflicts.iter().filter(|_| !self.force).map(complaint));
            for app in &package.apps {
                let other = seen.iter().find(|(name, other)| *name == app.name && *other != package.name);
                complaints
                    .extend(other.map(|(name, other)| format!("{name} is an app of {other} and of {}", package.name)));
                seen.push((&app.name, &package.name));
            }
        }
        if complaints.is_empty() {
            return Ok(());
        }
        Err(Failure::Names(complaints))
    }
}

fn complaint(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Package { app, package } => format!("{app} is an app of {package}"),
        Conflict::Namesake { package, uuid } => format!("another package is called {package}, {uuid}"),
        Conflict::File { app, path } => format!("{} is there and no shim of {app}", path.display()),
    }
}

/// The packages of these names, or with apps of these names; all where there is none.
///
/// # Errors
/// A name is unknown.
pub(super) fn packages(record: &Record, names: &[String]) -> Result<Vec<Package>, Failure> {
    let is_known = |name: &String| record.packages.iter().any(|package| package.is_called(name));
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(Failure::Refused(format!("{} Nothing was changed.", unknown_name(record, unknown))));
    }
    let is_meant = |package: &&Package| names.is_empty() || names.iter().any(|name| package.is_called(name));
    Ok(record.packages.iter().filter(is_meant).cloned().collect())
}

/// That there is none of this name, and which may have been meant.
pub(super) fn unknown_name(record: &Record, name: &str) -> String {
    let near = near_misses(name, record.names()).join(" or ");
    let hint = if near.is_empty() { "`jlapp status` lists all.".to_owned() } else { format!("did you mean {near}?") };
    format!("there is no package or app {name}; {hint}")
}
