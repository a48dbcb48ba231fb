//! How a command fails: what is said, and the exit status.

use std::path::PathBuf;
use std::{fmt, io};

use crate::{apps, exit, toolchain};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    Toolchain(toolchain::Error),
    App(apps::Error),
    /// Names of apps that others have.
    Names(Vec<String>),
    /// What was asked for is none; in whole sentences.
    Refused(String),
    /// A program that could not be started.
    CannotExecute(PathBuf, io::Error),
    /// A program has failed with this status, and has said why.
    Reported(i32),
    /// By this signal.
    Interrupted(i32),
}

impl Failure {
    pub(super) fn status(&self) -> i32 {
        match self {
            Self::Io(_) | Self::Names(_) | Self::Refused(_) => exit::FAILURE,
            Self::Toolchain(error) => error.exit_status(),
            Self::App(error) => error.exit_status(),
            Self::CannotExecute(..) => exit::CANNOT_EXECUTE,
            Self::Reported(status) => *status,
            Self::Interrupted(signal) => exit::SIGNAL_BASE + signal,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Toolchain(error) => write!(f, "{error}"),
            Self::App(error) => write!(f, "{error}"),
            Self::Names(complaints) => {
                write!(f, "{}\njlapp: nothing was changed; `--force` takes the names", complaints.join("\njlapp: "))
            }
            Self::Refused(text) => write!(f, "{text}"),
            Self::CannotExecute(path, error) => write!(f, "cannot execute {}: {error}", path.display()),
            Self::Reported(_) | Self::Interrupted(_) => write!(f, "nothing was changed"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<toolchain::Error> for Failure {
    fn from(error: toolchain::Error) -> Self {
        Self::Toolchain(error)
    }
}

impl From<apps::Error> for Failure {
    fn from(error: apps::Error) -> Self {
        Self::App(error)
    }
}
