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
    for name in edit.installed().app_names().map(str::to_owned) {
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
    jll::work_out(depot, done.made.iter().map(String::as_str))?;
    Ok(done)
}

/// Puts Pkg's own shims back where ours have replaced them; returns the names of their apps.
///
/// # Errors
/// The record cannot be read, or a shim cannot be moved.
pub fn release_shims(depot: &Path, waiting: impl FnOnce(&Path)) -> Result<Vec<String>, Error> {
    let edit = Edit::begin(depot, waiting)?;
    let mut released = Vec::new();
    for name in edit.installed().app_names() {
        if shim::standing(depot, name) == Standing::Ours && shim::release(depot, name)? {
            released.push(name.to_owned());
        }
    }
    Ok(released)
}
