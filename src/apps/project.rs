//! What a package says of its apps: `[apps]` in its Project.toml.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::jll::is_jll;
use super::record::julia_flags;
use super::{App, EntryPoint, entry};
use crate::toolchain::Error;

/// A package's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub name: String,
    pub uuid: String,
    pub version: Option<String>,
    /// In the order of their names; at least one, but of a JLL package those are yet to be found ([`super::jll::programs`]).
    pub apps: Vec<App>,
    /// A JLL package: its apps are executables.
    pub native: bool,
    /// Whether there is anything to instantiate.
    pub has_dependencies: bool,
    /// `bundle_manifest = true`: its environment is made from its own Manifest.toml.
    pub bundle_manifest: bool,
}

pub(super) const NAMES: [&str; 2] = ["JuliaProject.toml", "Project.toml"];

/// Reads the package in `folder`.
///
/// # Errors
/// There is no package, it declares no apps, or what it declares is malformed; with the file and line.
pub fn declared(folder: &Path) -> Result<Declared, Error> {
    read(folder, false)
}

/// The same of a JLL package without `[apps]`, whose programs are its apps; nothing where the package is none.
///
/// # Errors
/// As [`declared`].
pub fn declared_jll(folder: &Path) -> Result<Option<Declared>, Error> {
    let declared = read(folder, true)?;
    Ok(Some(declared).filter(|declared| declared.native))
}

fn read(folder: &Path, may_be_jll: bool) -> Result<Declared, Error> {
    let path = NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let path = path.ok_or_else(|| {
        Error::failed(format!("{} is no package", folder.display()), "there is no Project.toml", "name its folder")
    })?;
    let text = fs::read_to_string(&path).map_err(|error| Error::file("cannot read", &path, &error))?;
    let bad = |at: Option<usize>, problem: String| Error::BadFile {
        path: path.clone(),
        line: at.map(|at| text[..at.min(text.len())].matches('\n').count() + 1),
        problem,
        remedy: "nothing was changed".into(),
    };
    let document = Document::parse(text.as_str())
        .map_err(|error| bad(error.span().map(|span| span.start), error.message().to_owned()))?;
    let table = document.as_table();
    let value = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let need = |key: &str| value(key).ok_or_else(|| bad(None, format!("it has no {key}, as a package must")));
    let (name, uuid) = (need("name")?, need("uuid")?);
    if !is_identifier(&name) {
        return Err(bad(None, format!("{name} is no name of a package")));
    }
    let listed = table.get("apps").and_then(Item::as_table_like);
    if listed.is_none() && !may_be_jll {
        return Err(bad(None, format!("{name} has no apps: there is no [apps] in it")));
    }
    let mut apps = Vec::new();
    for (word, item) in listed.into_iter().flat_map(TableLike::iter) {
        let at = item.span().map(|span| span.start);
        apps.push(app((folder, &name), word, item).map_err(|problem| bad(at, format!("the app {word}: {problem}")))?);
    }
    if apps.is_empty() && !may_be_jll {
        return Err(bad(None, format!("{name} has no apps: [apps] is empty")));
    }
    apps.sort_by(|one, other| one.name.cmp(&other.name));
    let has_dependencies = table.get("deps").and_then(Item::as_table_like).is_some_and(|deps| !deps.is_empty());
    let bundle_manifest = table.get("bundle_manifest").and_then(Item::as_bool).unwrap_or(false);
    let native = is_jll(&name) && apps.is_empty();
    Ok(Declared { name, uuid, version: value("version"), apps, native, has_dependencies, bundle_manifest })
}

fn app((folder, package): (&Path, &str), word: &str, item: &Item) -> Result<App, String> {
    let table: &dyn TableLike = item.as_table_like().ok_or("it is no table; write `{}` for one without settings")?;
    let mut letters = word.chars();
    let is_name = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    if !is_name {
        return Err("a name is letters, digits, _ and -, and begins with a letter".into());
    }
    let submodule = match table.get("submodule") {
        None => None,
        Some(item) => {
            let path = item.as_str().filter(|path| path.split('.').all(is_identifier));
            Some(path.ok_or("submodule is no name of a module")?.to_owned())
        }
    };
    let (submodule, file) = match table.get("entry") {
        None => (submodule, None),
        Some(_) if submodule.is_some() => {
            return Err("entry and submodule say the same thing; write one of them".into());
        }
        Some(item) => match EntryPoint::parse(package, item.as_str().ok_or("entry is no text")?)? {
            EntryPoint::Module(path) => (path, None),
            EntryPoint::File(name) => (None, Some(has_module(folder, name)?)),
        },
    };
    let usual = || Some(entry::usual_file(folder, word)?.strip_prefix(folder).ok()?.display().to_string());
    let file = file.or_else(|| if submodule.is_none() && table.get("entry").is_none() { usual() } else { None });
    Ok(App { name: word.to_owned(), submodule, file, julia_flags: julia_flags(table)?, julia_command: None })
}

/// The file that an entry names must be there.
fn has_module(folder: &Path, name: String) -> Result<String, String> {
    let path = entry::file(folder, &name).ok_or_else(|| format!("there is no apps/{name}"))?;
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    entry::module_name(&text).map(|_| name).ok_or_else(|| format!("{} holds no module", path.display()))
}

/// `^[A-Za-z][A-Za-z0-9_]*$`, as Pkg has it.
pub(super) fn is_identifier(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// An absolute folder, links resolved.
///
/// # Errors
/// There is none.
pub fn folder(path: &Path) -> Result<PathBuf, Error> {
    fs::canonicalize(path).map_err(|error| Error::file("cannot find", path, &error))
}
