//! Names of the packages that installed registries know: folders, or archives as a Pkg server gives them (from Julia 1.7 on).

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use toml_edit::{Document, Item, TableLike};

const FILE: &str = "Registry.toml";

/// All names, sorted. A registry that cannot be read knows none: Pkg says what is wrong with it.
pub fn registered_names(depot: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(depot.join("registries")).into_iter().flatten().flatten() {
        let path = entry.path();
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => fs::read_to_string(path.join(FILE)).ok(),
            Some("toml") => from_archive(&path),
            _ => None,
        };
        names.extend(text.iter().flat_map(|text| names_in(text)));
    }
    names.sort_unstable();
    names.dedup();
    names
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

fn names_in(text: &str) -> Vec<String> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let packages = document.as_table().get("packages").and_then(Item::as_table_like);
    let named = packages.into_iter().flat_map(TableLike::iter);
    named.filter_map(|(_, package)| Some(package.get("name")?.as_str()?.to_owned())).collect()
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
        assert_eq!(registered_names(&depot), ["Alpha", "Beta", "Gamma"]);
        fs::remove_dir_all(&depot).unwrap();
    }
}
