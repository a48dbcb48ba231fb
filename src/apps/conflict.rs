//! What is in the way of a package's apps.

use std::path::PathBuf;

use super::{App, Declared, Edit, shim};

/// What is in an app's way.
#[derive(Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another package has an app of this name.
    Package { app: String, package: String },
    /// Another package is called as this one is.
    Namesake { package: String, uuid: String },
    /// A file in the depot's `bin` that is no shim.
    File { app: String, path: PathBuf },
}

impl Edit {
    /// What stands in the way of a package's apps.
    pub fn conflicts(&self, declared: &Declared) -> Vec<Conflict> {
        let installed = self.installed();
        let namesake =
            installed.packages.iter().find(|package| package.name == declared.name && package.uuid != declared.uuid);
        let namesake =
            namesake.map(|package| Conflict::Namesake { package: package.name.clone(), uuid: package.uuid.clone() });
        let of_app = |App { name, .. }: &App| {
            let path = shim::path(self.depot(), name);
            match installed.app(name) {
                Some((package, _)) if package.uuid != declared.uuid => {
                    Some(Conflict::Package { app: name.clone(), package: package.name.clone() })
                }
                None if path.symlink_metadata().is_ok() && !shim::is_shim(&path) => {
                    Some(Conflict::File { app: name.clone(), path })
                }
                Some(_) | None => None,
            }
        };
        namesake.into_iter().chain(declared.apps.iter().filter_map(of_app)).collect()
    }
}
