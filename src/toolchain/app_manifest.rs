//! The Julias that Pkg recorded for its apps.
//!
//! Only what concerns toolchains is read: an app's name and its `julia_command`. Absent: writing.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Table};

use super::{App, Error, stamp};

/// Every app in the AppManifest of a depot; none where there is no such file.
///
/// # Errors
/// The file is there and cannot be read, or is no TOML.
pub fn apps(depot: &Path) -> Result<Vec<App>, Error> {
    let path = depot.join("environments/apps/AppManifest.toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if stamp::is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("cannot read", &path, &error)),
    };
    let document = Document::parse(text.as_str()).map_err(|error| Error::BadFile {
        line: error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1),
        problem: error.message().to_owned(),
        remedy: "it is Pkg's: repair it, or move it away and add your apps again; nothing was changed".into(),
        path,
    })?;
    let packages = document.as_table().get("deps").and_then(Item::as_table_like);
    // Version 2 of the format has a list of entries for each name.
    let entries = packages.into_iter().flat_map(|packages| packages.iter()).flat_map(|(_, entries)| tables(entries));
    Ok(entries.flat_map(apps_of).collect())
}

fn tables(item: &Item) -> Vec<&Table> {
    item.as_array_of_tables().map(|tables| tables.iter().collect()).unwrap_or_default()
}

fn apps_of(entry: &Table) -> Vec<App> {
    let apps = entry.get("apps").and_then(Item::as_table_like);
    let apps = apps.into_iter().flat_map(|apps| apps.iter());
    apps.map(|(name, app)| App {
        name: name.to_owned(),
        channel: None,
        julia_command: app.get("julia_command").and_then(Item::as_str).map(PathBuf::from),
    })
    .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn apps_as_pkg_writes_them() {
        let text = r#"
manifest_format = "2.0"

[[deps.Rot13]]
uuid = "43ef800a-eac4-47f4-949b-25107b932e8f"
version = "0.1.0"

    [deps.Rot13.apps.juliarot13]
    julia_command = "/abs/julia/bin/julia"

    [deps.Rot13.apps.juliarot13flags]
    julia_command = "/abs/julia/bin/julia"
    julia_flags = ["--threads=2"]
"#;
        let depot = std::env::temp_dir().join(format!("jlapp-app-manifest-{}", std::process::id()));
        fs::create_dir_all(depot.join("environments/apps")).unwrap();
        fs::write(depot.join("environments/apps/AppManifest.toml"), text).unwrap();
        let found = apps(&depot).unwrap();
        fs::remove_dir_all(&depot).unwrap();
        let names: Vec<&str> = found.iter().map(|app| app.name.as_str()).collect();
        assert_eq!(names, ["juliarot13", "juliarot13flags"]);
        assert!(found.iter().all(|app| app.julia_command == Some("/abs/julia/bin/julia".into())));
        assert!(apps(Path::new("/nowhere")).unwrap().is_empty());
    }
}
