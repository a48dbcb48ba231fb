//! What only a package's app files need: `apps/Project.toml`, with or without its Manifest.
//!
//! Pkg resolves it together with the package, in an environment of ours: nothing is written into the package's folder.
//! It is made beside its place, and what was there before serves until it is complete.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike, value};

use super::start;
use crate::sys::files;
use crate::toolchain::Error;

/// A program of Julia's that completes the environment; see [`own_dependencies_words`].
pub const OWN_DEPENDENCIES: &str = include_str!("julia/own_dependencies.jl");

/// Copies into `folder` what the package in `source` says of its app files' dependencies; whether it does.
///
/// # Errors
/// It cannot be read or copied.
pub fn stage_own_dependencies(folder: &Path, package: &str, source: &Path) -> Result<bool, Error> {
    let Some(project) = start::own_project(source) else { return Ok(false) };
    fs::create_dir_all(folder).map_err(|error| Error::file("cannot make", folder, &error))?;
    let beside = project.parent().unwrap_or(source);
    for name in ["Project.toml", "Manifest.toml"] {
        copy(&beside.join(name), &folder.join(name), package)?;
    }
    Ok(true)
}

/// Arguments of [`OWN_DEPENDENCIES`], for the package in `source`: as seen from the folder where that moves with the depot.
pub fn own_dependencies_words(depot: &Path, folder: &Path, source: &Path) -> Vec<OsString> {
    let inside = source.strip_prefix(depot).ok().zip(folder.strip_prefix(depot).ok());
    let seen = inside.map(|(source, folder)| folder.components().map(|_| "..").collect::<PathBuf>().join(source));
    vec![folder.into(), seen.unwrap_or_else(|| source.to_owned()).into()]
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
