//! Everything installed as one file of TOML: sources, versions and whole manifests, to be made again elsewhere.
//!
//! An environment that Pkg itself made is the package (its Project.toml names a path of this machine); its own manifest
//! stays behind, and the package is got again by what Pkg recorded of it.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{ArrayOfTables, Document, DocumentMut, Item, Table, TableLike, value};

use super::{Channels, Entry, Package};
use crate::toolchain::Error;

const HEAD: &str = "# Written by `jlapp export`; `jlapp import` makes the same elsewhere\n\n";
/// What a later jlapp may write otherwise it will also number otherwise.
const FORMAT: i64 = 1;

/// One package in such a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locked {
    pub uuid: String,
    /// Its name and where it comes from.
    pub entry: Entry,
    /// The checkout of a package under development.
    pub path: Option<PathBuf>,
    pub pinned: bool,
    pub bundled: bool,
    /// The channel that its apps follow.
    pub channel: Option<String>,
    /// Project.toml and Manifest.toml of its environment.
    pub files: Option<(String, String)>,
}

impl Locked {
    /// What is installed of a package.
    ///
    /// # Errors
    /// Its environment cannot be read.
    pub fn of(package: &Package, depot: &Path, channels: &Channels) -> Result<Self, Error> {
        let app = package.apps.first();
        let followed = app.and_then(|app| channels.of(&package.uuid, &app.name, app.julia_command.as_deref()));
        let files = if package.path.is_some() { None } else { files(&package.environment(depot))? };
        Ok(Self {
            uuid: package.uuid.clone(),
            entry: package.entry(),
            path: package.path.clone(),
            pinned: package.pinned,
            bundled: channels.is_bundled(&package.uuid),
            channel: followed.map(|followed| followed.channel.to_string()),
            files,
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        let mut text = |key: &str, text: Option<&str>| {
            if let Some(text) = text {
                table.insert(key, value(text));
            }
        };
        text("name", Some(&self.entry.name));
        text("uuid", Some(&self.uuid));
        text("version", self.entry.version.as_deref());
        text("git-tree-sha1", self.entry.tree_hash.as_deref());
        text("repo-url", self.entry.repo_url.as_deref());
        text("repo-rev", self.entry.repo_rev.as_deref());
        text("repo-subdir", self.entry.repo_subdir.as_deref());
        text("path", self.path.as_deref().and_then(Path::to_str));
        text("julia", self.channel.as_deref());
        text("project", self.files.as_ref().map(|(project, _)| project.as_str()));
        text("manifest", self.files.as_ref().map(|(_, manifest)| manifest.as_str()));
        for (key, is_so) in [("pinned", self.pinned), ("bundled", self.bundled)] {
            if is_so {
                table.insert(key, value(true));
            }
        }
        table
    }

    fn parse(table: &dyn TableLike) -> Result<Self, String> {
        let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
        let need = |key: &str| text(key).ok_or_else(|| format!("a package has no {key}"));
        let is_so = |key: &str| table.get(key).and_then(Item::as_bool).unwrap_or(false);
        Ok(Self {
            uuid: need("uuid")?,
            entry: Entry {
                name: need("name")?,
                version: text("version"),
                tree_hash: text("git-tree-sha1"),
                repo_url: text("repo-url"),
                repo_rev: text("repo-rev"),
                repo_subdir: text("repo-subdir"),
                path: None,
            },
            path: text("path").map(PathBuf::from),
            pinned: is_so("pinned"),
            bundled: is_so("bundled"),
            channel: text("julia"),
            files: text("project").zip(text("manifest")),
        })
    }
}

/// The files of an environment of ours; nothing of one that is the package itself.
fn files(environment: &Path) -> Result<Option<(String, String)>, Error> {
    let read = |name: &str| {
        let path = environment.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::app_file("cannot read", &path, &error)),
        }
    };
    let Some((project, manifest)) = read("Project.toml")?.zip(read("Manifest.toml")?) else { return Ok(None) };
    let is_package = Document::parse(project.as_str()).is_ok_and(|document| document.as_table().contains_key("uuid"));
    Ok((!is_package).then_some((project, manifest)))
}

/// The file.
pub fn lock_text(packages: &[Locked]) -> String {
    let mut document = DocumentMut::new();
    document.insert("format", value(FORMAT));
    let tables: ArrayOfTables = packages.iter().map(Locked::table).collect();
    document.insert("package", Item::ArrayOfTables(tables));
    format!("{HEAD}{document}")
}

/// Reads such a file.
///
/// # Errors
/// It is none, or one of a later jlapp; with the line.
pub fn read_lock(path: &Path) -> Result<Vec<Locked>, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::app_file("cannot read", path, &error))?;
    parse_lock(path, &text)
}

fn parse_lock(path: &Path, text: &str) -> Result<Vec<Locked>, Error> {
    let bad = |at: Option<usize>, problem: String| Error::BadFile {
        path: path.to_owned(),
        line: at.map(|at| text[..at.min(text.len())].matches('\n').count() + 1),
        problem,
        remedy: "nothing was changed".into(),
    };
    let document =
        Document::parse(text).map_err(|error| bad(error.span().map(|span| span.start), error.message().to_owned()))?;
    match document.as_table().get("format").and_then(Item::as_integer) {
        Some(FORMAT) => {}
        Some(other) => return Err(bad(None, format!("format {other} is not known to this jlapp"))),
        None => return Err(bad(None, "`jlapp export` did not write this: it has no format".into())),
    }
    let tables = document.as_table().get("package").and_then(Item::as_array_of_tables);
    let one = |table: &Table| Locked::parse(table).map_err(|problem| bad(table.span().map(|span| span.start), problem));
    tables.into_iter().flatten().map(one).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let entry = Entry { name: "Rot".into(), version: Some("1.0.0".into()), ..Entry::default() };
        let files = Some(("[deps]\nRot = \"1\"\n".to_owned(), "# '''\n[[Rot]]\nuuid = \"\"\"1\"\"\"\n".to_owned()));
        let one =
            Locked { uuid: "1".into(), entry, pinned: true, channel: Some("lts".into()), files, ..Locked::default() };
        let other = Locked { uuid: "2".into(), path: Some("/a b".into()), ..Locked::default() };
        let all = [one, other];
        assert_eq!(parse_lock(Path::new("x"), &lock_text(&all)).unwrap(), all);
        let said = |text: &str| parse_lock(Path::new("/x"), text).unwrap_err().to_string();
        assert!(said("format = 2\n").contains("format 2 is not known"));
        assert!(said("a = 1\n").contains("did not write this"));
        assert!(said("format = 1\n\n[[package]]\nname = \"A\"\n").starts_with("/x:3: a package has no uuid"));
        assert!(said("format = \n").starts_with("/x:1: "));
    }
}
