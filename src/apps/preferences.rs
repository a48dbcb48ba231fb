//! Preferences that a package brings along: Julia reads those of the environments in its load path, and the package is
//! not an environment of its own there (`get_preferences`, base/loading.jl).

use std::fs;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table};

use crate::sys::files;
use crate::toolchain::Error;

/// Copies them from the package's source into its environment.
///
/// # Errors
/// A file cannot be read or written.
pub fn add_preferences(environment: &Path, source: &Path) -> Result<(), Error> {
    for name in ["JuliaLocalPreferences.toml", "LocalPreferences.toml"] {
        let (from, to) = (source.join(name), environment.join(name));
        if from.is_file() {
            let text = fs::read(&from).map_err(|error| Error::app_file("cannot read", &from, &error))?;
            files::replace(&to, &text).map_err(|error| Error::app_file("cannot write", &to, &error))?;
        }
    }
    let Some(package) = ["JuliaProject.toml", "Project.toml"].into_iter().find_map(|name| read(&source.join(name)))
    else {
        return Ok(());
    };
    let path = environment.join("Project.toml");
    let Some(mut project) = read(&path) else { return Ok(()) };
    let local =
        ["JuliaLocalPreferences.toml", "LocalPreferences.toml"].into_iter().any(|name| source.join(name).is_file());
    let Some(preferences) = package.get("preferences").cloned().or_else(|| local.then(|| Item::Table(Table::new())))
    else {
        return Ok(());
    };
    // A name there counts where the environment knows its UUID.
    let known = |name: &str| project.get("deps").is_some_and(|deps| deps.get(name).is_some());
    let mut extras = Table::new();
    for key in ["deps", "extras"] {
        let listed = package.get(key).and_then(Item::as_table_like);
        for (name, uuid) in listed.into_iter().flat_map(|listed| listed.iter()).filter(|(name, _)| !known(name)) {
            extras.insert(name, uuid.clone());
        }
    }
    project.insert("preferences", preferences);
    project.insert("extras", Item::Table(extras));
    files::replace(&path, project.to_string().as_bytes())
        .map_err(|error| Error::app_file("cannot write", &path, &error))
}

fn read(path: &Path) -> Option<DocumentMut> {
    fs::read_to_string(path).ok()?.parse().ok()
}
