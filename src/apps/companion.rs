//! What makes a package of a file that holds an app, so that Julia precompiles it: an environment of one entry, whose path
//! is that file (`entry_path` in base/loading.jl takes a file for a path, in every version of Julia that we know).
//!
//! It lies in `<depot>/environments/jlapp/<Package>/<app>` and is written by the launch that finds it other than it should be.
//! So it follows files that are edited and depots that are moved, and nothing has to be repaired. In the load path it is the
//! last one: from Julia 1.10 on what a package needs is looked for up to the environment that says so, and not behind it
//! (`locate_package` in base/loading.jl, `stopenv`).

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::sys::files;
use crate::toolchain::Error;

/// Where these environments are, below a depot.
const PLACE: &str = "environments/jlapp";

/// The environment of what only app files need, beside those of the files. No app has this name: they begin with a letter.
pub const DEPENDENCIES: &str = "_dependencies";

/// An app's file as a package.
pub(super) struct Companion<'a> {
    /// Its package's name and UUID.
    pub(super) package: (&'a str, &'a str),
    pub(super) app: &'a str,
    /// The package's folder.
    pub(super) source: &'a Path,
    pub(super) file: &'a Path,
    /// The module in it.
    pub(super) module: &'a str,
    /// What the file may load beside its package: names and UUIDs.
    pub(super) dependencies: &'a [(String, String)],
}

impl Companion<'_> {
    /// Its environment in the first of these folders that can be written to; written where it is not as it should be.
    ///
    /// # Errors
    /// It can be written to none of them.
    pub(super) fn environment(&self, folders: &[PathBuf]) -> Result<PathBuf, Error> {
        let mut failed = None;
        for folder in folders.iter().map(|folder| folder.join(self.app)) {
            match self.write(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| {
            Error::failed(format!("cannot load {}", self.file.display()), "there is no depot", "set HOME")
        }))
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let uuid = self.uuid()?;
        let head = format!("# Made by jlapp, of {}\n\n", self.file.display());
        let project = format!("{head}[deps]\n{} = \"{uuid}\"\n", self.module);
        for (name, text) in [("Project.toml", project), ("Manifest.toml", head + &self.manifest(uuid))] {
            let path = folder.join(name);
            if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
                continue;
            }
            let written = fs::create_dir_all(folder).and_then(|()| files::replace_shared(&path, text.as_bytes()));
            written.map_err(|error| Error::app_file("cannot write", &path, &error))?;
        }
        Ok(())
    }

    /// Made from the package's and the file's place in it, as those of extensions are made from theirs.
    fn uuid(&self) -> Result<Uuid, Error> {
        let package = self.package.1.parse().map_err(|error| {
            let doing = format!("cannot load {}", self.file.display());
            Error::failed(doing, format!("{} is no UUID: {error}", self.package.1), "add the package again")
        })?;
        let place = self.file.strip_prefix(self.source).unwrap_or(self.file);
        Ok(Uuid::new_v5(&package, place.as_os_str().as_encoded_bytes()))
    }

    /// In format 1, which all versions read; Julia 1.5 reads it line by line.
    fn manifest(&self, uuid: Uuid) -> String {
        let (module, path) = (self.module, toml_text(self.file));
        let mut text = format!("[[{module}]]\npath = {path}\nuuid = \"{uuid}\"\n\n    [{module}.deps]\n");
        let own = (self.package.0.to_owned(), self.package.1.to_owned());
        for (name, uuid) in self.dependencies.iter().chain([&own]).filter(|(name, _)| *name != self.module) {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "    {name} = \"{uuid}\"");
        }
        text
    }
}

fn toml_text(path: &Path) -> String {
    toml_edit::Value::from(path.display().to_string()).to_string().trim().to_owned()
}

/// What there is of all packages.
pub(super) fn of_all(depot: &Path) -> PathBuf {
    depot.join(PLACE)
}

/// The packages that there is something of; what is not a package's begins with a mark.
pub(super) fn all_packages(depot: &Path) -> Vec<String> {
    let entries = fs::read_dir(of_all(depot)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with(['_', '.'])).collect()
}

/// What there is of one package.
pub(super) fn of_package(depot: &Path, package: &str) -> PathBuf {
    depot.join(PLACE).join(package)
}

/// The environment with what only apps in files need, where the package has such: resolved together with the package.
pub(super) fn dependencies(depot: &Path, package: &str) -> PathBuf {
    of_package(depot, package).join(DEPENDENCIES)
}
