//! Which Julia a project's manifest was resolved with.
//!
//! Facts: `base/loading.jl` of Julia (`current_project`, `env_project_file`, `project_file_manifest_path`, `base_project`),
//! `load_path_expand` and `init_active_project` in `base/initdefs.jl`. Invariant: nothing here is an error; what cannot be
//! read says nothing.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use toml_edit::Document;

use super::place::{Variable, first_depot, home};
use crate::env;
use crate::name::Version;

const PROJECT_NAMES: [&str; 2] = ["JuliaProject.toml", "Project.toml"];
const MANIFEST_NAMES: [&str; 2] = ["JuliaManifest.toml", "Manifest.toml"];

/// Where a launch says what its project is.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The value of `--project`, bare `@.`; it wins over `JULIA_PROJECT` also when it is empty.
    pub(super) project: Option<&'a OsStr>,
    /// The program file, for `@script`.
    pub(super) program: Option<&'a OsStr>,
    pub(super) directory: &'a Path,
    pub(super) variable: Variable<'a>,
}

/// A manifest that says which Julia made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) path: PathBuf,
    pub(super) version: Version,
}

/// The manifests that the project of a launch may use, the one of the newest Julia first; which of them it is depends on
/// the Julia, and the other way round.
pub(super) fn manifests(asked: &Asked<'_>) -> Vec<Manifest> {
    let Some(project) = project_file(asked) else { return Vec::new() };
    let project = workspace_root(&project, asked).unwrap_or(project);
    let paths = match named_manifest(&project) {
        Some(path) => vec![path],
        None => manifests_beside(&project),
    };
    paths.into_iter().filter_map(|path| Some(Manifest { version: julia_version(&path)?, path })).collect()
}

fn project_file(asked: &Asked<'_>) -> Option<PathBuf> {
    let variable = (asked.variable)(env::JULIA_PROJECT);
    let word = asked.project.or(variable.as_deref()).filter(|word| !word.is_empty())?;
    let bytes = word.as_bytes();
    if word == "@." {
        return search_upwards(asked.directory, asked);
    }
    if let Some(rest) = bytes.strip_prefix(b"@script") {
        let script = asked.directory.join(asked.program?);
        let below = OsStr::from_bytes(rest.strip_prefix(b"/").unwrap_or(rest));
        return search_upwards(&script.parent()?.join(below), asked);
    }
    if let Some(name) = bytes.strip_prefix(b"@") {
        return named_environment(OsStr::from_bytes(name), asked.variable);
    }
    let path = match bytes.strip_prefix(b"~/") {
        Some(rest) => home(asked.variable)?.join(OsStr::from_bytes(rest)),
        None => asked.directory.join(word),
    };
    if path.is_file() { Some(path) } else { project_in(&path) }
}

fn project_in(folder: &Path) -> Option<PathBuf> {
    PROJECT_NAMES.into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Up to the user's home, as Julia does.
fn search_upwards(folder: &Path, asked: &Asked<'_>) -> Option<PathBuf> {
    let home = home(asked.variable);
    for folder in folder.ancestors() {
        if let Some(found) = project_in(folder) {
            return Some(found);
        }
        if Some(folder) == home.as_deref() {
            break;
        }
    }
    None
}

/// `@name`; what depends on the version of Julia (`@v#.#`) cannot decide about it, and `@temp` is empty.
fn named_environment(name: &OsStr, variable: Variable<'_>) -> Option<PathBuf> {
    let fixed = !name.is_empty() && name != "temp" && !name.as_bytes().contains(&b'#');
    let listed = variable(env::JULIA_DEPOT_PATH).unwrap_or_default();
    let depots = std::env::split_paths(&listed).filter(|path| path.is_absolute()).chain(first_depot(variable));
    fixed.then(|| depots.map(|depot| depot.join("environments").join(name)).find_map(|folder| project_in(&folder)))?
}

/// The project whose manifest is shared: one further up that lists this one's folder in its `[workspace]`.
fn workspace_root(project: &Path, asked: &Asked<'_>) -> Option<PathBuf> {
    let folder = project.parent()?;
    let home = home(asked.variable);
    let mut root = None;
    let mut member = folder.to_owned();
    for above in folder.ancestors().skip(1).take_while(|above| Some(*above) != home.as_deref()) {
        if let Some(found) = project_in(above).filter(|found| lists(found, above, &member)) {
            above.clone_into(&mut member);
            root = Some(found);
        }
    }
    root
}

fn lists(project: &Path, folder: &Path, member: &Path) -> bool {
    let listed = with_table(project, "workspace", |table| {
        let projects = table.get("workspace")?.get("projects")?.as_array()?;
        Some(
            projects
                .iter()
                .filter_map(|it| Some(folder.join(it.as_str()?)))
                .any(|it| it.components().eq(member.components())),
        )
    });
    listed.unwrap_or(false)
}

/// The key `manifest` of the project.
fn named_manifest(project: &Path) -> Option<PathBuf> {
    let folder = project.parent()?;
    let path = with_table(project, "manifest", |table| Some(folder.join(table.get("manifest")?.as_str()?)))?;
    path.is_file().then_some(path)
}

/// Parses a project only if it holds the word that is looked for: most do not, and this happens at each launch.
fn with_table<T>(project: &Path, word: &str, read: impl FnOnce(&toml_edit::Table) -> Option<T>) -> Option<T> {
    let text = fs::read_to_string(project).ok().filter(|text| text.contains(word))?;
    read(Document::parse(text).ok()?.as_table())
}

/// `Manifest-v1.11.toml` and its like, newest first, then the one for all the other Julias.
fn manifests_beside(project: &Path) -> Vec<PathBuf> {
    let Some(folder) = project.parent() else { return Vec::new() };
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut versioned: Vec<((u32, u32), bool, PathBuf)> = names
        .filter_map(|name| {
            let (line, is_julias) = line_of_manifest(name.to_str()?)?;
            Some((line, is_julias, folder.join(name)))
        })
        .collect();
    versioned.sort_unstable_by(|one, two| two.cmp(one));
    let plain = MANIFEST_NAMES.into_iter().map(|name| folder.join(name)).find(|path| path.is_file());
    versioned.into_iter().map(|(_, _, path)| path).chain(plain).collect()
}

/// Major and minor version in the name, and whether it begins with `Julia`, which wins.
fn line_of_manifest(name: &str) -> Option<((u32, u32), bool)> {
    let (name, is_julias) = name.strip_prefix("Julia").map_or((name, false), |rest| (rest, true));
    let (major, minor) = name.strip_prefix("Manifest-v")?.strip_suffix(".toml")?.split_once('.')?;
    Some(((major.parse().ok()?, minor.parse().ok()?), is_julias))
}

/// The key `julia_version`, which stands before the first table: of a long manifest the rest is not read.
fn julia_version(manifest: &Path) -> Option<Version> {
    // To open a named pipe would be to wait for whoever writes to it.
    if !manifest.is_file() {
        return None;
    }
    let mut head = String::new();
    for line in BufReader::new(fs::File::open(manifest).ok()?).lines() {
        let line = line.ok()?;
        if line.trim_start().starts_with('[') {
            break;
        }
        head.push_str(&line);
        head.push('\n');
    }
    Document::parse(head).ok()?.as_table().get("julia_version")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_versioned_manifests() {
        assert_eq!(line_of_manifest("Manifest-v1.11.toml"), Some(((1, 11), false)));
        assert_eq!(line_of_manifest("JuliaManifest-v1.9.toml"), Some(((1, 9), true)));
        for name in ["Manifest.toml", "Manifest-v1.toml", "Manifest-v1.x.toml", "Manifest-v1.11.toml~"] {
            assert_eq!(line_of_manifest(name), None, "{name}");
        }
    }
}
