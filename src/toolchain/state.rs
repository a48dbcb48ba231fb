//! Our own record of toolchains, `toolchains.json`.
//!
//! Invariant: it is replaced as a whole, under the lock, and never when what stands there could not be read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Error, Held, Place, Registry};
use crate::name::{Architecture, Channel, Version};
use crate::sys::files;

/// The only layout so far; a file with a higher number was written by a newer program.
const FORMAT: u32 = 1;

/// What the file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct State {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) settings: Settings,
    #[serde(default)]
    pub(super) channels: BTreeMap<String, Entry>,
}

/// What a user can switch.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Whether missing channels are installed without asking; unset asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_install: Option<bool>,
    /// Whether a project's manifest picks the Julia; unset is yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<bool>,
}

/// What a channel stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Entry {
    /// A toolchain of ours.
    Tree {
        /// Its folder's name in [`Place::toolchains`].
        folder: String,
        version: String,
        architecture: String,
        /// Where it came from.
        url: String,
        /// What tells one build from the next where the version does not (RFC 9110, 8.8.3).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    Link {
        command: PathBuf,
        #[serde(default)]
        arguments: Vec<String>,
    },
    Alias {
        target: String,
        #[serde(default)]
        arguments: Vec<String>,
    },
}

impl Default for State {
    fn default() -> Self {
        Self { format: FORMAT, default: None, settings: Settings::default(), channels: BTreeMap::new() }
    }
}

impl State {
    /// Reads the file's bytes.
    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let remedy = "repair it, or move it away and add your channels again; nothing was changed";
        let state: Self = parse_json(path, bytes, remedy)?;
        if state.format > FORMAT {
            let problem = format!("has format {}, this jlapp knows {FORMAT}", state.format);
            return Err(bad_file(path, None, &problem, "update jlapp; nothing was changed"));
        }
        Ok(state)
    }

    /// What it holds now; nothing where there is no file.
    pub(super) fn read(place: &Place) -> Result<Self, Error> {
        let path = place.state_file();
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes),
            Err(error) if super::stamp::is_absent(&error) => Ok(Self::default()),
            Err(error) => Err(Error::file("cannot read", &path, &error)),
        }
    }

    /// Folders of ours that a channel stands for.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        self.channels.values().filter_map(|entry| match entry {
            Entry::Tree { folder, .. } => Some(folder.as_str()),
            _ => None,
        })
    }
}

/// Reads the file as [`Registry`].
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Registry, Error> {
    let state = State::parse(path, bytes)?;
    let toolchains = path.parent().unwrap_or(path).join("toolchains");
    let mut channels = BTreeMap::new();
    for (name, entry) in state.channels {
        channels.insert(channel(path, &name)?, held(path, &toolchains, entry)?);
    }
    Ok(Registry {
        default: state.default.as_deref().map(|name| channel(path, name)).transpose()?,
        channels,
        auto_install: state.settings.auto_install,
        manifest: state.settings.manifest,
        overrides: Vec::new(),
    })
}

fn held(path: &Path, toolchains: &Path, entry: Entry) -> Result<Held, Error> {
    Ok(match entry {
        Entry::Tree { folder, version, architecture, .. } => Held::Tree {
            binary: toolchains.join(&folder).join("bin/julia"),
            folder: toolchains.join(folder),
            version: version.parse::<Version>().ok(),
            architecture: Architecture::ALL.into_iter().find(|known| known.name() == architecture),
        },
        Entry::Link { command, arguments } => Held::Link { command, arguments },
        Entry::Alias { target, arguments } => Held::Alias { target: channel(path, &target)?, arguments },
    })
}

fn channel(path: &Path, name: &str) -> Result<Channel, Error> {
    name.parse().map_err(|error| bad_file(path, None, &error, "repair it; nothing was changed"))
}

fn bad_file(path: &Path, line: Option<usize>, problem: &dyn fmt::Display, remedy: &str) -> Error {
    Error::BadFile { path: path.to_owned(), line, problem: problem.to_string(), remedy: remedy.to_owned() }
}

/// Reads JSON, or says where and how it is broken.
pub(super) fn parse_json<T: DeserializeOwned>(path: &Path, bytes: &[u8], remedy: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let problem = if error.is_eof() { "is cut short".to_owned() } else { error.to_string() };
        bad_file(path, Some(error.line().max(1)), &problem, remedy)
    })
}

/// The right to change toolchains, held for as long as it lives.
///
/// It is short: nothing is downloaded, unpacked or asked meanwhile.
pub(super) struct Commit<'a> {
    place: &'a Place,
    _lock: File,
}

impl<'a> Commit<'a> {
    /// Makes our folder if need be, and waits for the lock.
    pub(super) fn begin(place: &'a Place) -> Result<Self, Error> {
        let folder = place.folder();
        std::fs::create_dir_all(&folder).map_err(|error| Error::file("cannot make", &folder, &error))?;
        let path = place.lock_file();
        let lock = files::lock(&path).map_err(|error| Error::file("cannot lock", &path, &error))?;
        Ok(Self { place, _lock: lock })
    }

    /// Changes the record: `change` sees it as it is now, and its error leaves everything as it was.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        let mut state = State::read(self.place)?;
        let answer = change(&mut state)?;
        let path = self.place.state_file();
        let mut text = serde_json::to_vec_pretty(&state).map_err(|error| {
            Error::failed("cannot write the record of toolchains", error, "please report this as a bug of jlapp")
        })?;
        text.push(b'\n');
        files::replace(&path, &text).map_err(|error| Error::file("cannot write", &path, &error))?;
        Ok(answer)
    }
}

/// Changes the record in one step of its own.
pub(super) fn change<T>(place: &Place, change: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
    Commit::begin(place)?.change(change)
}
