//! Manifests of environments, as Pkg writes them: in format 1 (to Julia 1.6) packages are at the top, in format 2 below `deps`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::{Document, Item, TableLike};

use crate::toolchain::Error;

/// The packages of an environment, by their UUIDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest(BTreeMap<String, Entry>);

/// One package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub version: Option<String>,
    pub tree_hash: Option<String>,
    pub repo_url: Option<String>,
    pub repo_rev: Option<String>,
    pub repo_subdir: Option<String>,
    pub path: Option<String>,
}

impl Manifest {
    /// Reads the manifest of the environment in `folder`; nothing where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is no TOML.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("Manifest.toml");
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::file("cannot read", &path, &error)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let document = Document::parse(text).map_err(|error| Error::BadFile {
            path: path.to_owned(),
            line: error.span().map(|span| text[..span.start].matches('\n').count() + 1),
            problem: error.message().to_owned(),
            remedy: "nothing was changed".into(),
        })?;
        let top: &dyn TableLike = document.as_table();
        let packages = match top.get("manifest_format") {
            Some(_) => top.get("deps").and_then(Item::as_table_like),
            None => Some(top),
        };
        let mut all = BTreeMap::new();
        for (name, item) in packages.into_iter().flat_map(TableLike::iter) {
            for table in item.as_array_of_tables().into_iter().flatten() {
                let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
                let entry = Entry {
                    name: name.to_owned(),
                    version: text("version"),
                    tree_hash: text("git-tree-sha1"),
                    repo_url: text("repo-url"),
                    repo_rev: text("repo-rev"),
                    repo_subdir: text("repo-subdir"),
                    path: text("path"),
                };
                all.extend(text("uuid").map(|uuid| (uuid, entry)));
            }
        }
        Ok(Self(all))
    }

    /// The entry of a package.
    pub fn get(&self, uuid: &str) -> Option<&Entry> {
        self.0.get(uuid)
    }

    /// Adds a package that is not in it: Pkg's own environments of apps are the package itself.
    #[must_use]
    pub fn with(mut self, uuid: &str, entry: Entry) -> Self {
        self.0.entry(uuid.to_owned()).or_insert(entry);
        self
    }

    /// All packages that have a version, in the order of their names.
    pub fn versions(&self) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = self.0.values().filter(|entry| entry.version.is_some()).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// What differs from an earlier one, in the order of names.
    pub fn changes_since(&self, earlier: &Self) -> Vec<Change> {
        let mut uuids: Vec<&String> = earlier.0.keys().chain(self.0.keys()).collect();
        uuids.sort_unstable();
        uuids.dedup();
        uuids.retain(|uuid| earlier.0.get(*uuid) != self.0.get(*uuid));
        let change = |uuid: &String| {
            let (then, now) = (earlier.0.get(uuid), self.0.get(uuid));
            let name = now.or(then)?.name.clone();
            Some(Change { name, uuid: uuid.clone(), from: then.map(Entry::label), to: now.map(Entry::label) })
        };
        let mut changes: Vec<Change> = uuids.into_iter().filter_map(change).collect();
        changes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        changes
    }
}

/// What becomes of one package of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub name: String,
    pub uuid: String,
    /// Its version, as [`Entry::label`] has it; nothing where it was not there.
    pub from: Option<String>,
    /// Nothing where it goes.
    pub to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = [&self.from, &self.to].map(|label| label.as_deref().unwrap_or("none"));
        write!(f, "{} {from} → {to}", self.name)
    }
}

impl Entry {
    /// Its version, with the commit's tree where that can change under a version.
    pub fn label(&self) -> String {
        let version = self.version.as_deref().unwrap_or("?");
        match (&self.repo_url, &self.tree_hash) {
            (Some(_), Some(tree)) => format!("{version} ({})", &tree[..tree.len().min(7)]),
            _ => version.to_owned(),
        }
    }

    /// A repository on this machine that is named from an environment is named by its absolute path, as seen from `folder`.
    #[must_use]
    pub fn absolute(mut self, folder: &Path) -> Self {
        let is_relative = |url: &String| !url.contains(':') && !url.starts_with('/');
        if let Some(url) = self.repo_url.take_if(|url| is_relative(url)) {
            let path = folder.join(url);
            let path: PathBuf = fs::canonicalize(&path).unwrap_or(path);
            self.repo_url = Some(path.display().to_string());
        }
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const FIRST: &str = "[[Dep]]\ngit-tree-sha1 = \"a\"\nuuid = \"1\"\nversion = \"1.0.0\"\n\n[[App]]\ndeps = [\"Dep\"]\n\
        git-tree-sha1 = \"0123456789\"\nrepo-rev = \"main\"\nrepo-url = \"https://x/App\"\nuuid = \"2\"\nversion = \"0.1.0\"\n\n[[Base64]]\nuuid = \"3\"\n";

    fn manifest(text: &str) -> Manifest {
        Manifest::parse(Path::new("Manifest.toml"), text).unwrap()
    }

    #[test]
    fn both_formats() {
        let second = format!(
            "julia_version = \"1.10.0\"\nmanifest_format = \"2.0\"\nproject_hash = \"x\"\n\n{}",
            FIRST.replace("[[", "[[deps.")
        );
        assert_eq!(manifest(FIRST), manifest(&second));
        let app = manifest(FIRST).get("2").unwrap().clone();
        assert_eq!((app.repo_rev.as_deref(), app.label().as_str()), (Some("main"), "0.1.0 (0123456)"));
        assert_eq!(manifest("manifest_format = \"2.0\"\n"), Manifest::default());
    }

    #[test]
    fn what_has_changed() {
        let later = manifest(
            &FIRST.replace("version = \"1.0.0\"", "version = \"1.1.0\"").replace("[[Base64]]\nuuid = \"3\"", ""),
        );
        let changes = later.changes_since(&manifest(FIRST));
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["Base64 ? → none", "Dep 1.0.0 → 1.1.0"]);
        assert!(later.changes_since(&later).is_empty());
    }
}
