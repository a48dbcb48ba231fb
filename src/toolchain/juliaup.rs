//! juliaup's own record, `juliaup.json`: read without its lock, since juliaup replaces the file by renaming.
//!
//! Invariant: nothing of juliaup's is ever written. What a channel is shows in the keys that its entry has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::state::parse_json;
use super::{Error, Held, Registry};
use crate::name::{Architecture, Channel, Kind};

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct File {
    default: Option<String>,
    installed_versions: BTreeMap<String, InstalledVersion>,
    installed_channels: BTreeMap<String, InstalledChannel>,
    settings: Option<Settings>,
    overrides: Option<Vec<Override>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstalledVersion {
    path: PathBuf,
    binary_path: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstalledChannel {
    version: Option<String>,
    path: Option<PathBuf>,
    binary_path: Option<PathBuf>,
    command: Option<PathBuf>,
    args: Option<Vec<String>>,
    target: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    auto_install_channels: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Override {
    path: PathBuf,
    channel: String,
}

/// Reads juliaup's record from the bytes of the file at `path`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Registry, Error> {
    let remedy = "it is juliaup's: repair it, or move it away and let juliaup make it anew; nothing was changed";
    let file: File = parse_json(path, bytes, remedy)?;
    let folder = path.parent().unwrap_or(path);
    let entries = file.installed_channels.iter();
    Ok(Registry {
        default: file.default.as_deref().map(channel),
        channels: entries.map(|(name, entry)| (channel(name), held(folder, entry, &file.installed_versions))).collect(),
        auto_install: file.settings.and_then(|settings| settings.auto_install_channels),
        // juliaup's own switch for manifests is off by default and ours is on: it says nothing of what the user wants here.
        manifest: None,
        overrides: file.overrides.unwrap_or_default().into_iter().map(|it| (it.path, channel(&it.channel))).collect(),
    })
}

/// juliaup may allow names that we would not give.
fn channel(name: &str) -> Channel {
    name.parse().unwrap_or_else(|_| Channel::of(Kind::Named(name.to_owned())))
}

fn held(folder: &Path, entry: &InstalledChannel, versions: &BTreeMap<String, InstalledVersion>) -> Held {
    let arguments = entry.args.clone().unwrap_or_default();
    if let Some(command) = &entry.command {
        return Held::Link { command: placed(folder, command), arguments };
    }
    if let Some(target) = &entry.target {
        return Held::Alias { target: channel(target), arguments };
    }
    let version = entry.version.as_deref().unwrap_or_default();
    let listed = versions.get(version);
    let path = entry.path.clone().or_else(|| listed.map(|listed| listed.path.clone()));
    let tree = placed(folder, &path.unwrap_or_else(|| format!("julia-{version}").into()));
    let binary = entry.binary_path.as_ref().or_else(|| listed?.binary_path.as_ref());
    Held::Tree {
        binary: binary.map_or_else(|| tree.join("bin/julia"), |binary| placed(folder, binary)),
        folder: tree,
        version: version.parse().ok(),
        architecture: architecture(version),
    }
}

/// Paths are relative to the folder of the file, and begin with `./`.
fn placed(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.strip_prefix("./").unwrap_or(path))
}

/// `1.12.2+0.x64.linux.gnu` says it.
fn architecture(version: &str) -> Option<Architecture> {
    let (_, build) = version.split_once('+')?;
    build.split('.').find_map(|part| Architecture::ALL.into_iter().find(|known| known.name() == part))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::name::Version;

    /// As juliaup writes it, every kind of channel once.
    const WRITTEN_BY_JULIAUP: &str = r#"{
        "Default": "release",
        "InstalledVersions": {
            "1.12.2+0.x64.linux.gnu": {"Path": "./julia-1.12.2+0.x64.linux.gnu",
                "BinaryPath": "./julia-1.12.2+0.x64.linux.gnu/bin/julia"},
            "1.9.4+0.x86.linux.gnu": {"Path": "./julia-1.9.4+0.x86.linux.gnu"}},
        "InstalledChannels": {
            "release": {"Version": "1.12.2+0.x64.linux.gnu"},
            "1.9~x86": {"Version": "1.9.4+0.x86.linux.gnu"},
            "nightly": {"Path": "./julia-nightly", "Url": "https://example.org", "LocalETag": "\"a\"",
                "ServerETag": "\"b\"", "Version": "1.14.0-DEV.9", "BinaryPath": "./julia-nightly/bin/julia"},
            "dev": {"Command": "/src/julia/julia", "Args": ["-O1"]},
            "r": {"Target": "release", "Args": null}},
        "Settings": {"AutoInstallChannels": true, "ManifestVersionDetect": true,
            "VersionsDbUpdateInterval": 1440, "CreateChannelSymlinks": false},
        "Overrides": [{"Path": "/home/u/p", "Channel": "lts"}],
        "LastVersionDbUpdate": "2026-08-21T09:00:00Z"}"#;

    fn read(text: &str) -> Result<Registry, Error> {
        parse(Path::new("/d/juliaup/juliaup.json"), text.as_bytes())
    }

    #[test]
    fn every_kind_of_channel_is_read() {
        let registry = read(WRITTEN_BY_JULIAUP).unwrap();
        let held = |name: &str| registry.channels.get(&name.parse().unwrap()).unwrap().clone();
        assert_eq!(registry.default, "release".parse().ok());
        assert_eq!(registry.auto_install, Some(true));
        let folder = PathBuf::from("/d/juliaup/julia-1.12.2+0.x64.linux.gnu");
        let release = Held::Tree {
            binary: folder.join("bin/julia"),
            folder,
            version: Some(Version::new(1, 12, 2)),
            architecture: Some(Architecture::X64),
        };
        assert_eq!(held("release"), release);
        assert!(matches!(held("1.9~x86"), Held::Tree { binary, .. }
            if binary == Path::new("/d/juliaup/julia-1.9.4+0.x86.linux.gnu/bin/julia")));
        assert!(matches!(held("nightly"), Held::Tree { version: Some(version), binary, .. }
            if version.to_string() == "1.14.0-DEV.9" && binary == Path::new("/d/juliaup/julia-nightly/bin/julia")));
        assert_eq!(held("dev"), Held::Link { command: "/src/julia/julia".into(), arguments: vec!["-O1".into()] });
        assert_eq!(held("r"), Held::Alias { target: "release".parse().unwrap(), arguments: Vec::new() });
    }

    /// Folders compare by their parts: `/home/u/project` is not below `/home/u/p`.
    #[test]
    fn overrides_hold_for_folders_below() {
        let registry = read(WRITTEN_BY_JULIAUP).unwrap();
        assert!(registry.override_of(Path::new("/home/u/p/src")).is_some());
        assert!(registry.override_of(Path::new("/home/u/project")).is_none());
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        for (text, expected) in [
            ("{\n\"Default\": \"release\",\n\"Inst", "juliaup.json:3: is cut short"),
            ("{\n\"Default\": 7}", "juliaup.json:2: invalid type"),
            ("", "juliaup.json:1: is cut short"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
