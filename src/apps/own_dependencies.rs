//! What only a package's app files need: `apps/Project.toml`, with or without its Manifest.
//!
//! Pkg resolves it together with the package, in an environment of ours: nothing is written into the package's folder.
//! It is made beside its place, and what was there before serves until it is complete.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike, value};

use super::{companion, start, usage};
use crate::sys::files;
use crate::toolchain::Error;

/// A program of Julia's that completes the environment; see [`OwnDependencies::words`].
pub const OWN_DEPENDENCIES: &str = include_str!("julia/own_dependencies.jl");

/// An environment in the making; it goes with this value unless it is put in place.
pub struct OwnDependencies(PathBuf);

impl OwnDependencies {
    /// Copies what the package in `source` says of its app files' dependencies, where it does.
    ///
    /// # Errors
    /// It cannot be read or copied.
    pub fn stage(depot: &Path, package: &str, source: &Path) -> Result<Option<Self>, Error> {
        let Some(project) = start::own_project(source) else { return Ok(None) };
        let mut folder = companion::dependencies(depot, package).into_os_string();
        folder.push(format!(".new-{}", std::process::id()));
        let staged = Self(folder.into());
        fs::create_dir_all(&staged.0).map_err(|error| Error::file("cannot make", &staged.0, &error))?;
        let beside = project.parent().unwrap_or(source);
        for name in ["Project.toml", "Manifest.toml"] {
            copy(&beside.join(name), &staged.0.join(name), package)?;
        }
        Ok(Some(staged))
    }

    /// Arguments of [`OWN_DEPENDENCIES`], for the package in `source`.
    pub fn words(&self, source: &Path) -> Vec<OsString> {
        vec![self.0.clone().into(), source.into()]
    }

    /// Puts it into another folder for the files of one package, where there is none yet.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn put_into(&self, folder: &Path) -> Result<(), Error> {
        let moved = fs::create_dir_all(folder).and_then(|()| fs::rename(&self.0, folder.join(companion::DEPENDENCIES)));
        moved.map_err(|error| Error::file("cannot write to", folder, &error))
    }

    /// Puts it in place; without one, what was there goes.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn place(staged: Option<&Self>, depot: &Path, package: &str) -> Result<(), Error> {
        let place = companion::dependencies(depot, package);
        let mut aside = place.clone().into_os_string();
        aside.push(format!(".old-{}", std::process::id()));
        let _ = fs::rename(&place, &aside);
        let moved = staged.map_or(Ok(()), |staged| fs::rename(&staged.0, &place));
        let _ = fs::remove_dir_all(&aside);
        moved.map_err(|error| Error::file("cannot make", &place, &error))?;
        let manifest = place.join("Manifest.toml");
        if manifest.exists() { usage::note(depot, &manifest) } else { Ok(()) }
    }
}

impl Drop for OwnDependencies {
    fn drop(&mut self) {
        // Gone where it was put in place.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A Project or Manifest for another folder: relative paths become absolute, and the package itself is left to Pkg.
fn copy(from: &Path, to: &Path, package: &str) -> Result<(), Error> {
    let Ok(text) = fs::read_to_string(from) else { return Ok(()) };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| Error::BadFile {
        path: from.to_owned(),
        line: error.span().map(|span| text[..span.start].matches('\n').count() + 1),
        problem: error.message().to_owned(),
        remedy: "nothing was changed".into(),
    })?;
    let folder = from.parent().unwrap_or(Path::new("/"));
    if let Some(sources) = document.get_mut("sources").and_then(Item::as_table_like_mut) {
        sources.remove(package);
        sources.iter_mut().for_each(|(_, source)| make_absolute(source.as_table_like_mut(), folder));
    }
    let in_format_2 = document.contains_key("manifest_format");
    let packages = if in_format_2 {
        document.get_mut("deps").and_then(Item::as_table_like_mut)
    } else {
        Some(document.as_table_mut() as &mut dyn TableLike)
    };
    for (_, item) in packages.into_iter().flat_map(TableLike::iter_mut) {
        let entries = item.as_array_of_tables_mut();
        entries.into_iter().flat_map(|entries| entries.iter_mut()).for_each(|entry| make_absolute(Some(entry), folder));
    }
    files::replace(to, document.to_string().as_bytes()).map_err(|error| Error::file("cannot write", to, &error))
}

fn make_absolute(entry: Option<&mut dyn TableLike>, folder: &Path) {
    let Some(entry) = entry else { return };
    let path = entry.get("path").and_then(Item::as_str).map(|path| folder.join(path));
    if let Some(path) = path {
        let path = fs::canonicalize(&path).unwrap_or(path);
        entry.insert("path", value(path.display().to_string()));
    }
}
