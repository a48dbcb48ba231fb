//! What one record of toolchains says, juliaup's or our own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::name::{Architecture, Channel, Version};

/// Channels, default and settings from one file; empty where there is no file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Registry {
    pub default: Option<Channel>,
    pub channels: BTreeMap<Channel, Held>,
    /// Whether missing channels are installed without asking; `None` asks.
    pub auto_install: Option<bool>,
    /// Whether a project's manifest picks the Julia; `None` where the file does not say.
    pub manifest: Option<bool>,
    /// Channels of folders and all below them.
    pub overrides: Vec<(PathBuf, Channel)>,
}

/// What a channel stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// An unpacked Julia.
    Tree { folder: PathBuf, binary: PathBuf, version: Option<Version>, architecture: Option<Architecture> },
    /// Somebody's own Julia, and arguments that come before the user's.
    Link { command: PathBuf, arguments: Vec<String> },
    /// Another channel by another name, with arguments; one level only.
    Alias { target: Channel, arguments: Vec<String> },
}

/// Whose record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    Juliaup,
    Own,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Juliaup => "juliaup",
            Self::Own => "jlapp",
        })
    }
}

impl Registry {
    /// The channel of the deepest overridden folder that `directory` is in or below.
    pub(super) fn override_of(&self, directory: &Path) -> Option<&(PathBuf, Channel)> {
        let holding = self.overrides.iter().filter(|(folder, _)| directory.starts_with(folder));
        holding.max_by_key(|(folder, _)| folder.components().count())
    }
}
