//! A package in a folder of the user's: what it depends on is got, and its apps are recorded.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::pkg;
use crate::apps::{Declared, Edit, INSTANTIATE, Staging, declared};
use crate::toolchain::Selection;

/// A checkout that can be recorded.
pub(super) struct Checkout {
    pub package: Declared,
    pub folder: PathBuf,
    pub julia: Selection,
    /// The environment of what only its app files need.
    own: Option<PathBuf>,
}

impl Checkout {
    /// The package in an absolute folder.
    ///
    /// # Errors
    /// There is none, or it declares no apps.
    pub(super) fn of(folder: PathBuf, julia: Selection) -> Result<Self, Failure> {
        Ok(Self { package: declared(&folder)?, folder, julia, own: None })
    }

    /// Has Pkg get what it and its app files depend on: in a worker of the apps' Julia, with Pkg's own progress.
    ///
    /// # Errors
    /// It cannot be had.
    pub(super) fn prepare(&mut self, depot: &Path, staging: &Staging) -> Result<(), Failure> {
        if self.package.has_dependencies {
            pkg::run(&self.julia, &[], INSTANTIATE, vec![self.folder.clone().into()]).inspect_err(|_| {
                eprintln!("jlapp: the dependencies of {} could not be had", self.package.name);
            })?;
        }
        let own = staging.accompanying(&self.package.name, "own");
        let is_needed = pkg::own_dependencies(depot, &own, (&self.package, &self.folder), &self.julia)?;
        self.own = is_needed.then_some(own);
        Ok(())
    }

    pub(super) fn record(&self, edit: &mut Edit) {
        edit.develop(&self.package, &self.folder, &self.julia);
        edit.own_dependencies(&self.package.name, self.own.as_deref());
        edit.keep_precompiled(&self.package.name, None);
    }

    /// Says where it is.
    pub(super) fn report(&self) {
        println!("{} is under development in {}", self.package.name, self.folder.display());
    }
}
