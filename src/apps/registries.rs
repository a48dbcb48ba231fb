//! Names of the packages that installed registries know: folders, or archives as a Pkg server gives them (from Julia 1.7 on).

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use toml_edit::{Document, Item, TableLike};

use crate::toolchain::Error;

const FILE: &str = "Registry.toml";

/// The registries of all depots, where Pkg looks for them.
#[derive(Default)]
pub struct Registries {
    /// Names of packages, sorted.
    pub names: Vec<String>,
    /// What is wrong with those that cannot be read; they know no names.
    pub broken: Vec<Error>,
    /// How many there are.
    pub count: usize,
}

impl Registries {
    /// Reads them.
    pub fn of(depots: &[PathBuf]) -> Self {
        let mut all = Self::default();
        let folders = depots.iter().map(|depot| depot.join("registries"));
        for entry in folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten()) {
            let path = entry.path();
            let (file, text) = match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => (path.join(FILE), fs::read_to_string(path.join(FILE)).ok()),
                Some("toml") => (path.clone(), from_archive(&path)),
                _ => continue,
            };
            all.count += 1;
            match names_in(&file, text.as_deref()) {
                Ok(names) => all.names.extend(names),
                Err(error) => all.broken.push(error),
            }
        }
        all.names.sort_unstable();
        all.names.dedup();
        all
    }
}

/// `General.toml` says `path = "General.tar.gz"` (`src/Registry/registry_instance.jl` of Pkg 1.7).
fn from_archive(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let document = Document::parse(text.as_str()).ok()?;
    let archive = path.with_file_name(document.as_table().get("path")?.as_str()?);
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive).ok()?));
    let is_it = |path: &Path| path.file_name().is_some_and(|name| name == FILE) && path.components().count() <= 2;
    let mut found = archive.entries().ok()?.flatten().find(|entry| entry.path().is_ok_and(|path| is_it(&path)))?;
    let mut text = String::new();
    found.read_to_string(&mut text).ok()?;
    Some(text)
}

fn names_in(file: &Path, text: Option<&str>) -> Result<Vec<String>, Error> {
    let bad = |line: Option<usize>, problem: String| Error::BadFile {
        path: file.to_owned(),
        line,
        problem,
        remedy: "this registry is broken: remove it, and `jlapp add --registry` gets it again".into(),
    };
    let text = text.ok_or_else(|| bad(None, "it cannot be read".into()))?;
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let document = Document::parse(text)
        .map_err(|error| bad(error.span().map(|span| line(span.start)), error.message().to_owned()))?;
    let packages = document.as_table().get("packages").and_then(Item::as_table_like);
    let named = packages.into_iter().flat_map(TableLike::iter);
    Ok(named.filter_map(|(_, package)| Some(package.get("name")?.as_str()?.to_owned())).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_an_archive() {
        let depot = std::env::temp_dir().join(format!("jlapp-registries-{}", std::process::id()));
        let registries = depot.join("registries");
        fs::create_dir_all(registries.join("One")).unwrap();
        let text = "name = \"One\"\n[packages]\na = { name = \"Alpha\", path = \"A\" }\nb = { name = \"Beta\", path = \"B\" }\n";
        fs::write(registries.join("One/Registry.toml"), text).unwrap();
        fs::write(registries.join("Two.toml"), "path = \"Two.tar.gz\"\n").unwrap();
        let file = File::create(registries.join("Two.tar.gz")).unwrap();
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        let text = "[packages]\nc = { name = \"Gamma\" }\n";
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, "Registry.toml", text.as_bytes()).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
        let all = Registries::of(std::slice::from_ref(&depot));
        assert_eq!(
            (all.names, all.count, all.broken.len()),
            (vec!["Alpha".into(), "Beta".into(), "Gamma".into()], 2, 0)
        );
        fs::write(registries.join("One/Registry.toml"), "\nname = \n").unwrap();
        fs::remove_file(registries.join("Two.tar.gz")).unwrap();
        let all = Registries::of(std::slice::from_ref(&depot));
        let said: Vec<String> = all.broken.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|text| text.contains("One/Registry.toml:2: ")), "{said:?}");
        assert!(said.iter().any(|text| text.contains("Two.toml: it cannot be read")), "{said:?}");
        fs::remove_dir_all(&depot).unwrap();
    }
}
