//! Why a launch ran as plain Julia: the whole list.

use std::ffi::OsString;
use std::fmt;

use crate::julia::Refusal;

/// Why a launch was not served by a worker.
#[derive(Debug, PartialEq, Eq)]
pub enum Reason {
    /// `JULIA_DAEMON=off`.
    Off,
    /// The command line is not one that a worker can serve.
    CommandLine(Refusal),
    /// A REPL, or `-i`, that does not have its session's terminal as input and output, or is in its background.
    Interactive,
    /// A background job whose stdin is its terminal: reading must stop it.
    Background,
    /// A descriptor with a number that Julia's own descriptors occupy in a worker, or too many of them.
    Descriptors,
    /// The conductor's socket is unsafe, unreachable or somebody else's; says which.
    Socket(String),
    /// No conductor could be started.
    NoConductor,
    /// The conductor is of another release and was not replaced.
    OtherRelease,
    /// The conductor's own reason, one of its list (`conductor::decline`), with more words about it, and the Julia that it
    /// picked, if it did: path and first arguments; for an app all of them.
    Conductor { reason: String, why: String, command: Vec<OsString> },
    /// Connection or job channel broke before the program had started.
    Lost,
    /// No worker within the time that a client waits.
    TooSlow,
}

impl Reason {
    /// Julia itself would print and end here: not a matter of being served or not.
    pub fn is_julias_own_answer(&self) -> bool {
        matches!(self, Self::CommandLine(refusal) if !matches!(refusal, Refusal::NotServed { .. }))
    }

    /// More about it, in words; may be empty.
    pub(super) fn why(&self) -> &str {
        if let Self::Conductor { why, .. } = self { why } else { "" }
    }

    /// A session that is not waited for runs another launch.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Conductor { reason, .. } if reason == "session-busy")
    }

    /// The Julia to run instead, where one has been picked already.
    pub(super) fn command(&self) -> Option<&[OsString]> {
        match self {
            Self::Conductor { command, .. } if !command.is_empty() => Some(command),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::CommandLine(refusal) => f.write_str(refusal.reason()),
            Self::Interactive => f.write_str("interactive"),
            Self::Background => f.write_str("background"),
            Self::Descriptors => f.write_str("descriptors"),
            Self::Socket(problem) => write!(f, "socket: {problem}"),
            Self::NoConductor => f.write_str("no-conductor"),
            Self::OtherRelease => f.write_str("other-release"),
            Self::Conductor { reason, .. } => f.write_str(reason),
            Self::Lost => f.write_str("lost"),
            Self::TooSlow => f.write_str("too-slow"),
        }
    }
}
