//! What can go wrong with apps: what happened, with what, and what to do next.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::{exit, toolchain};

/// Why an app could not be found or launched.
#[derive(Debug)]
pub enum Error {
    /// No app of this name is recorded.
    Unknown { name: OsString, near: Vec<String>, depots: Vec<PathBuf> },
    /// `JULIA_APP_ARGS` cannot be split into words.
    BadArguments(String),
    /// A record, or the app's Julia.
    Toolchain(toolchain::Error),
}

impl Error {
    /// The exit status for a program that ends with this.
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::Unknown { .. } => exit::NOT_FOUND,
            Self::BadArguments(_) => exit::FAILURE,
            Self::Toolchain(error) => error.exit_status(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, near, depots } => {
                let depots: Vec<String> = depots.iter().map(|depot| depot.display().to_string()).collect();
                write!(f, "there is no app {} in {}", name.display(), depots.join(" or "))?;
                if near.is_empty() {
                    write!(f, "; `jlapp status` lists those that there are")
                } else {
                    write!(f, "; did you mean {}?", near.join(" or "))
                }
            }
            Self::BadArguments(problem) => write!(f, "JULIA_APP_ARGS: {problem}; it is split as a shell splits words"),
            Self::Toolchain(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<toolchain::Error> for Error {
    fn from(error: toolchain::Error) -> Self {
        Self::Toolchain(error)
    }
}
