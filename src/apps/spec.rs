//! What a user writes to name a package: a registered name, a repository, a folder. Pkg's own forms (`src/REPLMode/argument_parsers.jl`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A package, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    pub source: Source,
    /// A branch, tag or commit.
    pub rev: Option<String>,
    /// Where in its repository the package lies.
    pub subdir: Option<String>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Registries know it, by its name, its UUID, or both.
    Registered { name: Option<String>, uuid: Option<String>, version: Option<String> },
    /// The URL of a repository.
    Url(String),
    /// A folder, as it was written or absolute.
    Folder(PathBuf),
}

/// A word that names no package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSpec {
    word: String,
    problem: &'static str,
}

impl fmt::Display for BadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} names no package: {}; write a name (Rot13, Rot13@1.2), a URL (https://…/Rot13.jl, …#branch) or a path (./Rot13)",
            self.word, self.problem
        )
    }
}

impl std::error::Error for BadSpec {}

impl FromStr for Spec {
    type Err = BadSpec;

    fn from_str(word: &str) -> Result<Self, BadSpec> {
        let bad = |problem| BadSpec { word: word.to_owned(), problem };
        if word.is_empty() {
            return Err(bad("it is empty"));
        }
        // A path with a `#` in it is one where it exists.
        let (place, rev) = match word.rsplit_once('#') {
            Some((_, "")) => return Err(bad("there is nothing behind its #")),
            Some((place, rev)) if !Path::new(word).exists() => (place, Some(rev.to_owned())),
            _ => (word, None),
        };
        let source = if is_url(place) {
            Source::Url(place.to_owned())
        } else if is_folder(place) {
            Source::Folder(place.into())
        } else {
            registered(place).map_err(bad)?
        };
        if rev.is_some() && matches!(source, Source::Registered { version: Some(_), .. }) {
            return Err(bad("a version and a revision exclude each other"));
        }
        Ok(Self { source, rev, subdir: None })
    }
}

/// `Name`, `Name@1.2`, `Name=uuid`, `uuid`.
fn registered(word: &str) -> Result<Source, &'static str> {
    let (package, version) = match word.split_once('@') {
        Some((package, version)) if is_version(version) => (package, Some(version.to_owned())),
        Some(_) => return Err("what stands behind its @ is no version"),
        None => (word, None),
    };
    let (name, uuid) = match package.split_once('=') {
        Some((name, uuid)) if is_uuid(uuid) => (Some(name), Some(uuid)),
        Some(_) => return Err("what stands behind its = is no UUID"),
        None if is_uuid(package) => (None, Some(package)),
        None => (Some(package), None),
    };
    if name.is_some_and(|name| !super::project::is_identifier(name)) {
        return Err("a name is letters, digits and _, and begins with a letter");
    }
    Ok(Source::Registered { name: name.map(str::to_owned), uuid: uuid.map(str::to_lowercase), version })
}

/// `1`, `1.2`, `1.2.3-rc1`, `1.2-1.5`: what Pkg makes of it is Pkg's to say.
fn is_version(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-+".contains(letter))
}

fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && word.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}

/// With a scheme, or as ssh has it: `git@host:path`.
fn is_url(word: &str) -> bool {
    let ssh = || word.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'));
    word.contains("://") || ssh()
}

/// As Pkg has it: a bare word is a name, also where a folder of that name lies here.
fn is_folder(word: &str) -> bool {
    word.contains('/') || word == "." || word == ".." || word == "~"
}

impl Spec {
    /// For messages: as it was asked for.
    pub fn label(&self) -> String {
        let place = match &self.source {
            Source::Registered { name, uuid, version } => {
                let package = name.as_deref().or(uuid.as_deref()).unwrap_or_default();
                version.as_ref().map_or_else(|| package.to_owned(), |version| format!("{package}@{version}"))
            }
            Source::Url(url) => url.clone(),
            Source::Folder(path) => path.display().to_string(),
        };
        self.rev.as_ref().map_or_else(|| place.clone(), |rev| format!("{place}#{rev}"))
    }

    /// The words by which `resolve.jl` knows it.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut word = |key: &str, value: &Option<String>| {
            words.extend(value.as_ref().map(|value| format!("{key}={value}")));
        };
        match &self.source {
            Source::Registered { name, uuid, version } => {
                word("name", name);
                word("uuid", uuid);
                word("version", version);
            }
            Source::Url(url) => word("url", &Some(url.clone())),
            Source::Folder(path) => word("path", &Some(path.display().to_string())),
        }
        word("rev", &self.rev);
        word("subdir", &self.subdir);
        words
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn source(word: &str) -> Source {
        word.parse::<Spec>().unwrap().source
    }

    fn words(word: &str) -> String {
        word.parse::<Spec>().unwrap().words().join(" ")
    }

    #[test]
    fn forms() {
        let uuid = "43ef800a-eac4-47f4-949b-25107b932e8f";
        assert_eq!(words("Rot13"), "name=Rot13");
        assert_eq!(words("Rot13@1.2"), "name=Rot13 version=1.2");
        assert_eq!(words("Rot13#main"), "name=Rot13 rev=main");
        assert_eq!(words(uuid), format!("uuid={uuid}"));
        assert_eq!(words(&format!("Rot13={uuid}@1")), format!("name=Rot13 uuid={uuid} version=1"));
        assert_eq!(words("https://example.org/a@b/Rot13.jl#v1"), "url=https://example.org/a@b/Rot13.jl rev=v1");
        assert_eq!(words("git@example.org:me/Rot13.jl"), "url=git@example.org:me/Rot13.jl");
        assert_eq!(words("file:///tmp/Rot13"), "url=file:///tmp/Rot13");
        for folder in [".", "..", "./Rot13", "/tmp/a b", "../a@b"] {
            assert_eq!(source(folder), Source::Folder(folder.into()));
        }
    }

    #[test]
    fn what_is_none() {
        for word in ["", "Rot13@", "Rot13@x", "Rot 13", "13rot", "Rot13=1", "Rot13#", "Rot13@1#main", "Rot13.jl"] {
            let said = word.parse::<Spec>().unwrap_err().to_string();
            assert!(said.starts_with(&format!("{word} names no package: ")), "{said}");
        }
    }
}
