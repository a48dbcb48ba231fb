//! Names of apps that somebody else has already.

use super::failure::Failure;
use crate::apps::{Conflict, Declared, Edit};

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
            complaints.extend(edit.conflicts(package).iter().filter(|_| !self.force).map(complaint));
            for app in &package.apps {
                let other = seen.iter().find(|(name, other)| *name == app.name && *other != package.name);
                complaints.extend(other.map(|(name, other)| format!("{name} is an app of {other} and of {}", package.name)));
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
        Conflict::File { app, path } => format!("{} is there and no shim of {app}", path.display()),
    }
}
