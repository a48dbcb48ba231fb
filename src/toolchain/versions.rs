//! The server's list of all releases, `bin/versions.json`, and which of them a channel stands for.
//!
//! It is kept in our folder as it was last seen, so that it can be shown without the network. Absent: nightlies and builds
//! of pull requests, which no list names.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::state::parse_json;
use super::{Error, Place, stamp};
use crate::name::{Architecture, Channel, Kind, Version, near_misses};

/// The line with long-term support, as of 2026. The list of versions does not say which one it is.
const LONG_TERM_SUPPORT: (u32, u32) = (1, 10);

/// Every release for this system, by version.
#[derive(Debug, Default, Clone)]
pub struct Versions {
    releases: BTreeMap<Version, Vec<Archive>>,
}

/// A build of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub url: String,
    pub architecture: Architecture,
    /// In lower-case hexadecimal digits; the oldest releases have none.
    pub sha256: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
}

#[derive(Deserialize)]
struct Release {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    url: String,
    os: String,
    arch: String,
    kind: String,
    #[serde(default)]
    triplet: String,
    sha256: Option<String>,
    size: Option<u64>,
}

impl File {
    /// The archive in it, if it is one for this system that we can unpack.
    fn archive(self) -> Option<Archive> {
        let fits = self.os == "linux" && self.kind == "archive" && self.url.ends_with(".tar.gz");
        let architecture = Architecture::ALL.into_iter().find(|known| known.triplet_name() == self.arch)?;
        (fits && !self.triplet.ends_with("musl")).then(|| Archive {
            url: self.url,
            architecture,
            sha256: self.sha256.map(|hash| hash.to_ascii_lowercase()),
            size: self.size,
        })
    }
}

impl Versions {
    /// Reads the list from bytes that came from `path` or a URL.
    ///
    /// # Errors
    /// It is no such list.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let list: BTreeMap<String, Release> =
            parse_json(path, bytes, "try again; a server of your own must offer the list as julialang.org does")?;
        let releases = list.into_iter().filter_map(|(version, release)| {
            let archives = release.files.into_iter().filter_map(File::archive).collect();
            Some((version.parse().ok()?, archives))
        });
        Ok(Self { releases: releases.collect() })
    }

    /// The list as it was last seen; `None` if it never was, or is broken: the next download replaces it.
    pub fn last_seen(place: &Place) -> Option<Self> {
        let path = place.versions_file();
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes).ok(),
            Err(error) if stamp::is_absent(&error) => None,
            Err(_) => None,
        }
    }

    /// Versions that there is a build of for `architecture`, oldest first.
    pub fn for_architecture(&self, architecture: Architecture) -> impl Iterator<Item = &Version> {
        let has = move |archives: &[Archive]| archives.iter().any(|archive| archive.architecture == architecture);
        self.releases.iter().filter(move |(_, archives)| has(archives)).map(|(version, _)| version)
    }

    /// The version that a channel stands for now, as juliaup has it: each less stable channel falls back to the next.
    pub fn version_of(&self, channel: &Channel, architecture: Architecture) -> Option<&Version> {
        self.for_architecture(architecture).filter(|version| belongs(&channel.kind, version)).max()
    }

    /// The archive of a channel.
    ///
    /// # Errors
    /// The server has none; near misses are named.
    pub(super) fn archive(&self, channel: &Channel, architecture: Architecture) -> Result<(&Version, &Archive), Error> {
        let version = self.version_of(channel, architecture).ok_or_else(|| self.unknown(channel, architecture))?;
        let mut archives = self.releases[version].iter();
        let found = archives.find(|archive| archive.architecture == architecture);
        found.map(|archive| (version, archive)).ok_or_else(|| self.unknown(channel, architecture))
    }

    fn unknown(&self, channel: &Channel, architecture: Architecture) -> Error {
        let mut names: Vec<String> = self
            .for_architecture(architecture)
            .flat_map(|version| [version.to_string(), format!("{}.{}", version.major, version.minor)])
            .collect();
        names.sort();
        names.dedup();
        let plain = Channel::of(channel.kind.clone()).to_string();
        let near = near_misses(&plain, names.iter().map(String::as_str).chain(Channel::WORDS));
        let near = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(" or ")) };
        Error::failed(
            format!("cannot install channel {channel}"),
            format!("the server has no such Julia for {architecture}"),
            format!("{near}`jlapp julia list --available` shows what there is"),
        )
    }
}

fn belongs(kind: &Kind, version: &Version) -> bool {
    let word = version.prerelease.as_deref().unwrap_or_default();
    let is = |word_of_channel: &str| version.is_release() || word.starts_with(word_of_channel);
    match kind {
        Kind::Release => version.is_release(),
        Kind::Lts => version.is_release() && version.line() == LONG_TERM_SUPPORT,
        Kind::Rc => is("rc"),
        Kind::Beta => is("rc") || is("beta"),
        Kind::Alpha => is("rc") || is("beta") || is("alpha"),
        Kind::Major(major) => version.is_release() && version.major == *major,
        Kind::Minor(major, minor) => version.is_release() && version.line() == (*major, *minor),
        Kind::Exact(exact) => version == exact,
        Kind::Nightly | Kind::MinorNightly(..) | Kind::PullRequest(_) | Kind::Named(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn list(versions: &[&str]) -> Versions {
        let release = |version: &&str| {
            let file = |arch: &str, triplet: &str, end: &str| {
                format!(
                    r#"{{"url": "https://s/{version}-{triplet}{end}", "os": "linux", "arch": "{arch}", "triplet": "{triplet}", "kind": "archive", "sha256": "AB", "size": 3, "version": "{version}"}}"#
                )
            };
            let files = [file("x86_64", "x86_64-linux-musl", ".tar.gz"), file("x86_64", "x86_64-linux-gnu", ".tar.gz")];
            format!(r#""{version}": {{"files": [{}], "stable": true}}"#, files.join(","))
        };
        let text = format!("{{{}}}", versions.iter().map(release).collect::<Vec<_>>().join(","));
        Versions::parse(Path::new("versions.json"), text.as_bytes()).unwrap()
    }

    #[test]
    fn channels_stand_for_versions_as_juliaup_has_it() {
        let all =
            ["1.9.4", "1.10.4", "1.10.9", "1.11.3", "1.12.0-rc1", "1.12.0", "1.13.0-alpha1", "1.13.0-beta2", "0.7.0"];
        for (candidate, rc, beta) in
            [(None, "1.12.0", "1.13.0-beta2"), (Some("1.13.0-rc1"), "1.13.0-rc1", "1.13.0-rc1")]
        {
            let versions = list(&all.into_iter().chain(candidate).collect::<Vec<_>>());
            let of = |channel: &str| {
                versions.version_of(&channel.parse().unwrap(), Architecture::X64).map(ToString::to_string)
            };
            assert_eq!(of("release").unwrap(), "1.12.0");
            assert_eq!(of("lts").unwrap(), "1.10.9");
            assert_eq!(of("rc").unwrap(), rc);
            assert_eq!(of("beta").unwrap(), beta);
            assert_eq!(of("alpha").unwrap(), beta);
            assert_eq!(of("1").unwrap(), "1.12.0");
            assert_eq!(of("0").unwrap(), "0.7.0");
            assert_eq!(of("1.10").unwrap(), "1.10.9");
            assert_eq!(of("1.10.4").unwrap(), "1.10.4");
            assert_eq!(of("1.12.0-rc1").unwrap(), "1.12.0-rc1");
            assert_eq!(of("1.13"), None);
        }
    }

    #[test]
    fn the_right_file_is_taken_and_misses_are_named() {
        let versions = list(&["1.10.4"]);
        let (_, archive) = versions.archive(&"1.10".parse().unwrap(), Architecture::X64).unwrap();
        assert_eq!(archive.url, "https://s/1.10.4-x86_64-linux-gnu.tar.gz");
        assert_eq!(archive.sha256.as_deref(), Some("ab"));
        let message = versions.archive(&"1.10.5".parse().unwrap(), Architecture::X64).unwrap_err().to_string();
        assert!(message.contains("did you mean 1.10.4 or 1.10?"), "{message}");
    }
}
