//! All shims of a depot: made again, put in the place of Pkg's, and Pkg's put back.

use std::path::{Path, PathBuf};

use super::shim::{self, Standing};
use super::{Edit, jll};
use crate::toolchain::Error;

/// What became of the apps' shims.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub made: Vec<String>,
    /// Apps whose shims are Pkg's, and stay so.
    pub pkgs: Vec<String>,
    /// Files in an app's place that are no shims.
    pub others: Vec<PathBuf>,
}

/// Makes shims of all recorded apps; in the place of Pkg's own only with `adopt`, and those are kept then.
///
/// # Errors
/// The record cannot be read, or a shim cannot be written.
pub fn make_shims(depot: &Path, adopt: bool, waiting: impl FnOnce(&Path)) -> Result<Made, Error> {
    let edit = Edit::begin(depot, waiting)?;
    let mut done = Made::default();
    for app in edit.record().packages.iter().flat_map(|package| &package.apps) {
        let name = app.name.clone();
        match shim::standing(depot, &name) {
            Standing::Pkgs if !adopt => {
                done.pkgs.push(name);
                continue;
            }
            Standing::Other => {
                done.others.push(shim::path(depot, &name));
                continue;
            }
            Standing::Pkgs => shim::adopt(depot, &name)?,
            Standing::Nothing | Standing::Ours => shim::write(depot, &name)?,
        }
        done.made.push(name);
    }
    done.made.extend(jll::make_shims(depot)?);
    Ok(done)
}

/// Puts Pkg's own shims back where ours have replaced them; returns the names of their apps.
///
/// # Errors
/// The record cannot be read, or a shim cannot be moved.
pub fn release_shims(depot: &Path, waiting: impl FnOnce(&Path)) -> Result<Vec<String>, Error> {
    let edit = Edit::begin(depot, waiting)?;
    let mut released = Vec::new();
    for app in edit.record().packages.iter().flat_map(|package| &package.apps) {
        if shim::standing(depot, &app.name) == Standing::Ours && shim::release(depot, &app.name)? {
            released.push(app.name.clone());
        }
    }
    Ok(released)
}
