//! Which JLL packages there are: `environments/apps/jlls.toml`, in which each is a table by its name.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, Document, DocumentMut, Item, Table, TableLike, value};

use crate::apps::{App, ENVIRONMENTS, Package, Record};
use crate::sys::files;
use crate::toolchain::Error;

const HEAD: &str = "# Written by jlapp: JLL packages whose programs are apps\n\n";

fn path(depot: &Path) -> PathBuf {
    depot.join(ENVIRONMENTS).join("jlls.toml")
}

/// The JLL packages of a depot; none where there is no record.
///
/// # Errors
/// It cannot be read, is no TOML, or lacks something; with the line.
pub fn read(depot: &Path) -> Result<Record, Error> {
    let path = path(depot);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(Error::file("cannot read", &path, &error)),
    }
}

/// # Errors
/// As [`read`].
pub(in crate::apps) fn parse(path: &Path, text: &str) -> Result<Record, Error> {
    let bad = |at: Option<usize>, problem: String| Error::BadFile {
        path: path.to_owned(),
        line: at.map(|at| text[..at.min(text.len())].matches('\n').count() + 1),
        problem,
        remedy: "repair it, or move it away and add your packages again; nothing was changed".into(),
    };
    let document =
        Document::parse(text).map_err(|error| bad(error.span().map(|span| span.start), error.message().to_owned()))?;
    let mut packages = Vec::new();
    for (name, item) in TableLike::iter(document.as_table()) {
        let found = item.as_table_like().and_then(|table| package(name, table));
        packages.push(found.ok_or_else(|| {
            bad(item.span().map(|span| span.start), format!("{name} has no uuid, no julia or no apps"))
        })?);
    }
    packages.sort_by(|one: &Package, other| one.name.cmp(&other.name));
    Ok(Record { packages })
}

fn package(name: &str, table: &dyn TableLike) -> Option<Package> {
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let julia: PathBuf = text("julia")?.into();
    let app = |name: &str| App { name: name.to_owned(), julia_command: Some(julia.clone()), ..App::default() };
    Some(Package {
        name: name.to_owned(),
        uuid: text("uuid")?,
        version: text("version"),
        path: None,
        repository: text("repo-url").map(|url| (url, text("repo-rev"))),
        subdir: text("repo-subdir"),
        tree: text("git-tree-sha1"),
        pinned: table.get("pinned").and_then(Item::as_bool).unwrap_or(false),
        native: true,
        apps: table.get("apps")?.as_array()?.iter().filter_map(|name| name.as_str().map(app)).collect(),
    })
}

/// The record as a file; empty where there is nothing to be said.
pub(in crate::apps) fn text(record: &Record) -> String {
    let mut document = DocumentMut::new();
    for package in &record.packages {
        document.insert(&package.name, Item::Table(table(package)));
    }
    if document.is_empty() { String::new() } else { format!("{HEAD}{document}") }
}

fn table(package: &Package) -> Table {
    let mut table = Table::new();
    let entry = package.entry();
    let julia = package.apps.iter().find_map(|app| app.julia_command.as_ref()).map(|path| path.display().to_string());
    let texts = [
        ("uuid", Some(package.uuid.clone())),
        ("version", entry.version),
        ("git-tree-sha1", entry.tree_hash),
        ("repo-url", entry.repo_url),
        ("repo-rev", entry.repo_rev),
        ("repo-subdir", entry.repo_subdir),
        ("julia", julia),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            table.insert(key, value(text));
        }
    }
    if package.pinned {
        table.insert("pinned", value(true));
    }
    table.insert("apps", value(package.apps.iter().map(|app| app.name.as_str()).collect::<Array>()));
    table
}

/// Writes such a text.
///
/// # Errors
/// It could not be written; what was there before is still there.
pub(in crate::apps) fn write(depot: &Path, text: &str) -> Result<(), Error> {
    let path = path(depot);
    if text.is_empty() && !path.exists() {
        return Ok(());
    }
    let text = if text.is_empty() { HEAD } else { text };
    if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    files::replace(&path, text.as_bytes()).map_err(|error| Error::file("cannot write", &path, &error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let app = |name: &str| App { name: name.into(), julia_command: Some("/j".into()), ..App::default() };
        let package = Package {
            name: "Tool_jll".into(),
            uuid: "1".into(),
            version: Some("1.0.0+0".into()),
            path: None,
            repository: Some(("https://x/y".into(), Some("main".into()))),
            subdir: None,
            tree: Some("a".repeat(40)),
            pinned: true,
            native: true,
            apps: vec![app("tool"), app("tool2")],
        };
        let record = Record { packages: vec![package] };
        assert_eq!(parse(Path::new(""), &text(&record)).unwrap(), record);
        assert_eq!(text(&Record::default()), "");
        // As it was written before there was more in it.
        let old = parse(Path::new(""), "[A_jll]\nuuid = \"1\"\njulia = \"/j\"\napps = [\"a\"]\n").unwrap();
        assert_eq!(old.app("a").unwrap().0.name, "A_jll");
        let said = |text: &str| parse(Path::new("/d/jlls.toml"), text).unwrap_err().to_string();
        assert!(said("a = 1\nb = \n").starts_with("/d/jlls.toml:2: "));
        assert!(
            said("\n[A_jll]\nuuid = \"1\"\n").starts_with("/d/jlls.toml:2: A_jll has no uuid, no julia or no apps")
        );
    }
}
