//! Why a launch gets the Julia that it gets, in words.

use std::fmt;
use std::path::PathBuf;

use super::Origin;
use crate::name::{Channel, Version};

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// `+channel` on the command line.
    Asked,
    /// An environment variable, by its name.
    Variable(&'static str),
    /// juliaup's override of this folder.
    Override(PathBuf),
    /// The Julia that made the project's manifest.
    Manifest { path: PathBuf, version: Version },
    /// The channel that we recorded for an app.
    Recorded { app: String },
    /// What Pkg recorded for an app.
    AppManifest { app: String },
    /// The Julia that Pkg recorded for an app is gone; this one has the same minor version.
    Successor { app: String, of: PathBuf },
    /// The default channel, and who says so.
    Default(Origin),
    /// There is no default channel; a `julia` was found on `PATH`.
    Path,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked for by +channel"),
            Self::Variable(name) => write!(f, "named by {name}"),
            Self::Override(folder) => write!(f, "juliaup's override for {}", folder.display()),
            Self::Manifest { path, version } => write!(f, "{} was resolved with Julia {version}", path.display()),
            Self::Recorded { app } => write!(f, "recorded for the app {app}"),
            Self::AppManifest { app } => write!(f, "julia_command of the app {app} in AppManifest.toml"),
            Self::Successor { app, of } => {
                write!(f, "in place of {}, which was recorded for the app {app} and is gone", of.display())
            }
            Self::Default(origin) => write!(f, "the default channel of {origin}"),
            Self::Path => f.write_str("no default channel is set; found on PATH"),
        }
    }
}

/// What runs in place of a Julia that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Successor {
    pub channel: Channel,
    pub version: Version,
}

/// Something that was passed over. Equal notes say the same: who has said one need not say it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// No toolchain fits the project's manifest.
    ManifestUnmet { path: PathBuf, version: Version },
    /// The Julia that Pkg recorded for an app is not there any more.
    CommandGone { app: String, path: PathBuf, version: Option<Version>, successor: Option<Successor> },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManifestUnmet { path, version } => write!(
                f,
                "{} was resolved with Julia {version}, which is not installed; going on without it (`jlapp julia add {version}`)",
                path.display()
            ),
            Self::CommandGone { app, path, version, successor } => {
                write!(f, "{}, recorded for the app {app}, is gone; going on with ", path.display())?;
                match (successor, version.as_ref().map(Version::line)) {
                    (Some(Successor { channel, version }), _) => write!(f, "Julia {version} of channel {channel}"),
                    (None, Some((major, minor))) => {
                        write!(f, "the default Julia (`jlapp julia add {major}.{minor}` gets one of its kind)")
                    }
                    (None, None) => f.write_str("the default Julia"),
                }?;
                write!(f, "; `jlapp update {app}` records that")
            }
        }
    }
}
