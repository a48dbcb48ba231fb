//! How a command fails: what is said, and the exit status.

use std::{fmt, io};

use crate::{apps, exit, toolchain};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    Toolchain(toolchain::Error),
    App(apps::Error),
}

impl Failure {
    pub(super) fn status(&self) -> i32 {
        match self {
            Self::Io(_) => exit::FAILURE,
            Self::Toolchain(error) => error.exit_status(),
            Self::App(error) => error.exit_status(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Toolchain(error) => write!(f, "{error}"),
            Self::App(error) => write!(f, "{error}"),
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
