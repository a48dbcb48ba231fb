//! What can go wrong with toolchains: what happened, with what, and what to do next.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{Origin, Why};
use crate::exit;
use crate::name::{BadName, Channel, Kind};

/// Why no toolchain could be picked, read, changed or installed.
#[derive(Debug)]
pub enum Error {
    /// A word in the place of a channel is none.
    BadChannel { name: BadName, why: Option<Why> },
    /// A channel that is not installed.
    Missing(Box<Missing>),
    /// A channel whose Julia has been deleted behind it.
    Gone { channel: Channel, origin: Origin, binary: PathBuf },
    /// A Julia named by its path that cannot be run.
    NotExecutable { path: PathBuf, why: Why, cause: io::Error },
    /// Neither a default channel nor a `julia` on `PATH`.
    NoJulia { searched: OsString, launcher: Option<PathBuf> },
    /// A file that is not what it should be, and that was left as it is.
    BadFile { path: PathBuf, line: Option<usize>, problem: String, remedy: String },
    /// A step that failed.
    Failed { doing: String, cause: String, next: String },
}

/// A channel that was asked for and is not installed.
#[derive(Debug, Clone)]
pub struct Missing {
    pub channel: Channel,
    pub why: Option<Why>,
    /// Known channels that are spelled nearly so.
    pub near: Vec<String>,
    /// The setting: `Some(true)` install it without asking, `Some(false)` never, `None` ask where somebody can answer.
    pub auto_install: Option<bool>,
}

impl Missing {
    /// The command that installs it; `None` where nobody publishes it.
    pub fn command(&self) -> Option<String> {
        self.channel.is_published().then(|| format!("jlapp julia add {}", self.channel))
    }
}

impl Error {
    /// A step that failed, for those who know what can be done about it.
    pub(crate) fn failed(doing: impl Into<String>, cause: impl fmt::Display, next: impl Into<String>) -> Self {
        Self::Failed { doing: doing.into(), cause: cause.to_string(), next: next.into() }
    }

    /// A file or folder that could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, cause: &io::Error) -> Self {
        Self::failed(format!("{doing} {}", path.display()), cause, remedy(cause))
    }

    /// The same for files of apps, which lie elsewhere.
    pub(crate) fn app_file(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let next = match cause.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                "apps lie in the first depot; set JULIA_DEPOT_PATH to a folder that you can write to".into()
            }
            _ => remedy(cause),
        };
        Self::failed(format!("{doing} {}", path.display()), cause, next)
    }

    /// The exit status for a program that ends with this.
    pub fn exit_status(&self) -> i32 {
        match self {
            Self::NoJulia { .. } => exit::NOT_FOUND,
            Self::NotExecutable { cause, .. } if cause.kind() == io::ErrorKind::NotFound => exit::NOT_FOUND,
            Self::NotExecutable { .. } => exit::CANNOT_EXECUTE,
            _ => exit::FAILURE,
        }
    }
}

/// What to do about what the system says.
fn remedy(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "make room (`jlapp julia gc` removes what nothing uses) and try again".into()
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "toolchains lie in the first juliaup depot; set JULIAUP_DEPOT_PATH to a folder that you can write to".into()
        }
        _ => "nothing was changed; try again once that is repaired".into(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadChannel { name, why: Some(why) } => write!(f, "{name} ({why})"),
            Self::BadChannel { name, why: None } => write!(f, "{name}"),
            Self::Missing(missing) => write!(f, "{missing}"),
            Self::Gone { channel, origin, binary } => {
                let again = match origin {
                    Origin::Juliaup => format!("juliaup add {channel}` or `jlapp julia add {channel}"),
                    Origin::Own => format!("jlapp julia add {channel}"),
                };
                let again = if channel.is_published() { again } else { format!("jlapp julia link {channel} <path>") };
                write!(f, "the Julia of channel {channel} is gone ({}); get it back with `{again}`", binary.display())
            }
            Self::NotExecutable { path, why, cause } => {
                write!(f, "{} is no Julia that can be run: {cause} ({why})", path.display())
            }
            Self::NoJulia { searched, launcher } => no_julia(f, searched, launcher.as_deref()),
            Self::BadFile { path, line, problem, remedy } => {
                write!(f, "{}", path.display())?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                write!(f, ": {problem}; {remedy}")
            }
            Self::Failed { doing, cause, next } => write!(f, "{doing}: {cause}; {next}"),
        }
    }
}

fn no_julia(f: &mut fmt::Formatter<'_>, searched: &OsString, launcher: Option<&Path>) -> fmt::Result {
    write!(f, "no `{}` found on PATH and no default channel is set", searched.display())?;
    if let Some(launcher) = launcher {
        write!(f, " ({} is juliaup's launcher, which has no Julia yet)", launcher.display())?;
    }
    write!(f, "; get one with `jlapp julia add release`, or set JULIA_DAEMON_WORKER_EXECUTABLE to the path of one")
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = matches!(self.channel.kind, Kind::Named(_));
        let state = if named { "does not exist" } else { "is not installed" };
        write!(f, "channel {} {state}", self.channel)?;
        if let Some(why) = &self.why {
            write!(f, " ({why})")?;
        }
        if !self.near.is_empty() {
            write!(f, "; did you mean {}?", self.near.join(" or "))?;
        }
        match self.command() {
            Some(command) => write!(f, "; install it with `{command}`"),
            None => write!(
                f,
                "; `jlapp julia list` shows those that do, `jlapp julia link {} <path>` makes it",
                self.channel
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<BadName> for Error {
    fn from(name: BadName) -> Self {
        Self::BadChannel { name, why: None }
    }
}
