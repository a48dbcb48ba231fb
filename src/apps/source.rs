//! Where a package's own files lie, and what its Project.toml says that Pkg's record has no place for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::{EntryPoint, Package};
use crate::toolchain::Error;

/// A Project.toml, as far as a launch needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Project {
    /// Entry points, by the apps' names.
    pub(super) entries: BTreeMap<String, EntryPoint>,
    /// Names and UUIDs.
    pub(super) dependencies: Vec<(String, String)>,
}

/// What cannot be read says nothing: Julia reads the file as well, and says what is wrong with it.
///
/// # Errors
/// None.
#[expect(clippy::unnecessary_wraps, reason = "what reads it may fail for other records")]
pub(super) fn parse(_: &Path, bytes: &[u8]) -> Result<Project, Error> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let Ok(document) = Document::parse(text) else { return Ok(Project::default()) };
    let table = |key: &str| document.as_table().get(key).and_then(Item::as_table_like);
    let name = document.as_table().get("name").and_then(Item::as_str).unwrap_or_default();
    let entry = |(app, item): (&str, &Item)| {
        let text = item.as_table_like()?.get("entry")?.as_str()?;
        Some((app.to_owned(), EntryPoint::parse(name, text).ok()?))
    };
    let dependency = |(name, uuid): (&str, &Item)| Some((name.to_owned(), uuid.as_str()?.to_owned()));
    Ok(Project {
        entries: table("apps").into_iter().flat_map(TableLike::iter).filter_map(entry).collect(),
        dependencies: table("deps").into_iter().flat_map(TableLike::iter).filter_map(dependency).collect(),
    })
}

/// The Project.toml of the package or environment in a folder.
pub(super) fn project_file(folder: &Path) -> PathBuf {
    let files = super::project::NAMES.map(|name| folder.join(name));
    files.iter().find(|path| path.is_file()).unwrap_or(&files[1]).clone()
}

impl Package {
    /// Where its own files are: its checkout, or where Pkg has put its tree in one of these depots.
    pub(super) fn source(&self, depots: &[PathBuf]) -> Option<PathBuf> {
        if self.path.is_some() {
            return depots.first().map(|depot| self.environment(depot));
        }
        let slug = slug(&self.uuid, self.tree.as_deref()?)?;
        let folders = depots.iter().map(|depot| depot.join("packages").join(&self.name).join(&slug));
        folders.into_iter().find(|folder| folder.is_dir())
    }
}

/// The folder of a package's tree (`version_slug`, base/loading.jl): five letters that stand for UUID and tree.
pub(super) fn slug(uuid: &str, tree: &str) -> Option<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // Julia keeps it as a number, so its bytes lie the other way round.
    let uuid = u128::from_str_radix(&uuid.replace('-', ""), 16).ok()?.to_le_bytes();
    let tree = (tree.len() == 40)
        .then(|| u128::from_str_radix(&tree[..32], 16).ok().zip(u32::from_str_radix(&tree[32..], 16).ok()))??;
    let mut rest = crc32c(crc32c(crc32c(0, &uuid), &tree.0.to_be_bytes()), &tree.1.to_be_bytes());
    let mut slug = String::new();
    for _ in 0..5 {
        // Writing to a `String` cannot fail.
        let _ = write!(slug, "{}", char::from(LETTERS[rest as usize % LETTERS.len()]));
        rest /= 62;
    }
    Some(slug)
}

/// The checksum that is also iSCSI's (RFC 3720, appendix B.4), going on from an earlier one.
fn crc32c(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// What `Base.version_slug` of Julia 1.5.3 says.
    #[test]
    fn the_folder_of_a_tree() {
        let uuid = "43ef800a-eac4-47f4-949b-25107b932e8f";
        assert_eq!(slug(uuid, "0123456789012345678901234567890123456789").unwrap(), "3W4I3");
        assert_eq!(slug(uuid, "01234"), None);
        assert_eq!(slug("x", "0123456789012345678901234567890123456789"), None);
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
    }

    #[test]
    fn what_pkg_has_no_place_for() {
        let text =
            b"name = \"A\"\n[deps]\nB = \"1\"\n[apps]\nx = { entry = \"x.jl\" }\ny = { entry = \"A.Y\" }\nz = {}\n";
        let project = parse(Path::new(""), text).unwrap();
        assert_eq!(project.dependencies, [("B".to_owned(), "1".to_owned())]);
        assert_eq!(project.entries["x"], EntryPoint::File("x.jl".into()));
        assert_eq!(project.entries["y"], EntryPoint::Module(Some("Y".into())));
        assert_eq!(project.entries.len(), 2);
        assert_eq!(parse(Path::new(""), b"[apps").unwrap(), Project::default());
    }
}
