//! Pkg's record of apps: `environments/apps/AppManifest.toml`, a manifest of format 2 (src/Apps/Apps.jl of Pkg 1.12).

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::{Channels, ENVIRONMENTS, Entry, Source, Spec};
use crate::toolchain::{self, Error};

/// Apps of one depot: those of Pkg's record, those of JLL packages (`apps::jll`), or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// In the order of their names.
    pub packages: Vec<Package>,
}

/// A package with apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub uuid: String,
    pub version: Option<String>,
    /// The checkout of a package under development; absolute, or relative to the record's folder.
    pub path: Option<PathBuf>,
    /// The repository that it comes from, and the revision in it.
    pub repository: Option<(String, Option<String>)>,
    /// Where in it the package lies.
    pub subdir: Option<String>,
    /// The tree of a package that was added.
    pub tree: Option<String>,
    /// It stays at its version.
    pub pinned: bool,
    /// A JLL package: its apps are executables, which run without Julia.
    pub native: bool,
    /// In the order of their names.
    pub apps: Vec<App>,
}

/// One app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct App {
    /// The word that it is started by.
    pub name: String,
    /// Where `main` is, inside the package: `Sub` or `Sub.Nested`.
    pub submodule: Option<String>,
    /// The file that holds it, where its package has one; Pkg's record has no place for that.
    pub file: Option<String>,
    /// Arguments for Julia.
    pub julia_flags: Vec<String>,
    /// The Julia that Pkg installed it with.
    pub julia_command: Option<PathBuf>,
}

impl Record {
    /// An app and its package, by the app's name.
    pub fn app(&self, name: &str) -> Option<(&Package, &App)> {
        self.packages.iter().find_map(|package| Some((package, package.apps.iter().find(|app| app.name == name)?)))
    }

    /// The names of all apps.
    pub fn app_names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().flat_map(|package| package.apps.iter().map(|app| app.name.as_str()))
    }

    /// The names of all packages and apps.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|package| package.name.as_str()).chain(self.app_names())
    }

    /// With those of another one, in the order of their names.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut packages = [self.packages.as_slice(), &other.packages].concat();
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        Self { packages }
    }
}

impl Package {
    /// Whether it, or one of its apps, has this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.apps.iter().any(|app| app.name == name)
    }

    /// Its entry in a manifest.
    pub fn entry(&self) -> Entry {
        let repository = self.repository.clone();
        Entry {
            name: self.name.clone(),
            version: self.version.clone(),
            tree_hash: self.tree.clone(),
            repo_rev: repository.as_ref().and_then(|(_, rev)| rev.clone()),
            repo_url: repository.map(|(url, _)| url),
            repo_subdir: self.subdir.clone(),
            path: None,
        }
    }

    /// What it was got by, to be got again as it is now.
    pub fn spec(&self) -> Spec {
        let registered =
            || Source::Registered { name: Some(self.name.clone()), uuid: Some(self.uuid.clone()), version: None };
        let source = self
            .repository
            .as_ref()
            .map(|(url, _)| if url.starts_with('/') { Source::Folder(url.into()) } else { Source::Url(url.clone()) });
        Spec {
            source: source.unwrap_or_else(registered),
            rev: self.repository.as_ref().and_then(|(_, rev)| rev.clone()),
            subdir: self.subdir.clone(),
        }
    }
}

impl App {
    /// What decides about the Julia of this app of the package with this uuid.
    pub fn recorded(&self, uuid: &str, channels: &Channels) -> toolchain::App {
        let followed = channels.of(uuid, &self.name, self.julia_command.as_deref());
        toolchain::App {
            name: self.name.clone(),
            channel: followed.map(|followed| followed.channel.clone()),
            julia_command: self.julia_command.clone(),
        }
    }
}

impl Package {
    /// Where its environment is, in a depot that lies at `depot` now.
    pub fn environment(&self, depot: &Path) -> PathBuf {
        let folder = depot.join(ENVIRONMENTS);
        folder.join(self.path.as_deref().unwrap_or_else(|| Path::new(&self.name)))
    }
}

/// # Errors
/// It is no TOML, or not what Pkg writes; with the line.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Record, Error> {
    let bad = |line: Option<usize>, problem: String| Error::BadFile {
        path: path.to_owned(),
        line,
        problem,
        remedy: "it is Pkg's: repair it, or move it away and add your apps again; nothing was changed".into(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| bad(None, "it is not UTF-8".into()))?;
    let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let document = Document::parse(text)
        .map_err(|error| bad(error.span().map(|span| line_of(span.start)), error.message().to_owned()))?;
    let entries = document.as_table().get("deps").and_then(Item::as_table_like);
    let mut packages = Vec::new();
    for (name, item) in entries.into_iter().flat_map(TableLike::iter) {
        let line = item.span().map(|span| line_of(span.start));
        let tables =
            item.as_array_of_tables().ok_or_else(|| bad(line, format!("deps.{name} is no array of tables")))?;
        for table in tables {
            packages.push(package(name, table).map_err(|problem| bad(line, problem))?);
        }
    }
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Record { packages })
}

fn package(name: &str, table: &dyn TableLike) -> Result<Package, String> {
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let listed = table.get("apps").and_then(Item::as_table_like);
    let mut apps = Vec::new();
    for (app, item) in listed.into_iter().flat_map(TableLike::iter) {
        let table = item.as_table_like().ok_or_else(|| format!("the app {app} of {name} is no table"))?;
        apps.push(self::app(app, table).map_err(|problem| format!("the app {app} of {name}: {problem}"))?);
    }
    apps.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Package {
        name: name.to_owned(),
        uuid: text("uuid").ok_or_else(|| format!("the package {name} has no uuid"))?,
        version: text("version"),
        // Pkg of Julia 1.12.6 writes "." for the package's own environment.
        path: text("path").filter(|path| path != ".").map(PathBuf::from),
        repository: text("repo-url").map(|url| (url, text("repo-rev"))),
        subdir: text("repo-subdir"),
        tree: text("git-tree-sha1"),
        pinned: table.get("pinned").and_then(Item::as_bool).unwrap_or(false),
        native: false,
        apps,
    })
}

fn app(name: &str, table: &dyn TableLike) -> Result<App, String> {
    let text = |key: &str| table.get(key).and_then(Item::as_str);
    Ok(App {
        name: name.to_owned(),
        submodule: text("submodule").map(str::to_owned),
        file: None,
        julia_flags: julia_flags(table)?,
        julia_command: text("julia_command").map(PathBuf::from),
    })
}

/// `julia_flags` of an app, in Pkg's record or in a Project.toml.
pub(super) fn julia_flags(app: &dyn TableLike) -> Result<Vec<String>, String> {
    let Some(item) = app.get("julia_flags") else { return Ok(Vec::new()) };
    let flags = item.as_array().map(|array| array.iter().map(|flag| flag.as_str().map(str::to_owned)));
    flags.and_then(Iterator::collect).ok_or_else(|| "julia_flags is no list of texts".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// As Pkg of Julia 1.12.2 writes it.
    const TEXT: &str = r#"
# This file is machine-generated - editing it directly is not advised

manifest_format = "2.0"

[[deps.Rot13]]
git-tree-sha1 = "0123456789012345678901234567890123456789"
repo-rev = "main"
repo-url = "https://example.org/Rot13.jl"
uuid = "43ef800a-eac4-47f4-949b-25107b932e8f"
version = "0.1.0"

    [deps.Rot13.apps.juliarot13]
    julia_command = "/abs/julia/bin/julia"

    [deps.Rot13.apps.juliarot13flags]
    julia_command = "/abs/julia/bin/julia"
    julia_flags = ["--threads=2", "--optimize=3"]
    submodule = "FlagsDemo"

[[deps.Dot]]
path = "."
uuid = "43ef800a-eac4-47f4-949b-25107b932e81"

    [deps.Dot.apps.dot]
    julia_command = "/abs/julia/bin/julia"

[[deps.Aside]]
path = "/home/user/Aside"
uuid = "43ef800a-eac4-47f4-949b-25107b932e80"

    [deps.Aside.apps.aside]
    julia_command = "/abs/julia/bin/julia"
"#;

    #[test]
    fn what_pkg_writes() {
        let record = parse(Path::new("AppManifest.toml"), TEXT.as_bytes()).unwrap();
        let names: Vec<&str> = record.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["Aside", "Dot", "Rot13"]);
        let (package, app) = record.app("juliarot13flags").unwrap();
        assert_eq!(package.environment(Path::new("/depot")), Path::new("/depot/environments/apps/Rot13"));
        assert_eq!(package.repository, Some(("https://example.org/Rot13.jl".into(), Some("main".into()))));
        assert_eq!((app.submodule.as_deref(), app.julia_flags.len()), (Some("FlagsDemo"), 2));
        let (aside, _) = record.app("aside").unwrap();
        assert_eq!(aside.environment(Path::new("/depot")), Path::new("/home/user/Aside"));
        let (dot, _) = record.app("dot").unwrap();
        assert_eq!(dot.environment(Path::new("/depot")), Path::new("/depot/environments/apps/Dot"));
        assert!(record.app("rot13").is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let said = |text: &str| parse(Path::new("/d/AppManifest.toml"), text.as_bytes()).unwrap_err().to_string();
        assert!(said("a = 1\nb = \n").starts_with("/d/AppManifest.toml:2: "), "{}", said("a = 1\nb = \n"));
        assert!(said("[[deps.X]]\nversion = \"1\"\n").contains("the package X has no uuid"));
        assert!(said("[[deps.X]]\nuuid = \"1\"\n[deps.X.apps.x]\njulia_flags = 1\n").contains("julia_flags"));
        assert!(said("[deps]\nX = 1\n").contains("deps.X is no array of tables"));
    }
}
