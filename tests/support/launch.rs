//! What is launched and what it inherits: said in full, nothing by accident.

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::time::Duration;

/// Which program runs the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Julia itself, with the arguments that `juliaclient` puts first by default.
    Plain,
    /// `juliaclient`.
    Client,
}

/// What a descriptor of the program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    Null,
    Closed,
    /// A pipe that these bytes come through, then its end.
    Feed(Vec<u8>),
    /// A pipe whose other end the test holds: [`super::Running::write`].
    Held,
    /// A file with these bytes, open for reading.
    FileWith(Vec<u8>),
    /// A pipe that the test reads.
    Capture,
    /// A new file, open for writing, whose content counts as output.
    CaptureFile,
    /// The same as another descriptor, as `2>&1` makes it.
    Same(RawFd),
    /// `/dev/full`: every write fails.
    Full,
    /// A pipe that nobody reads.
    Broken,
    /// One end of a stream socket that the test reads.
    CaptureSocket,
    /// The launch's terminal.
    Terminal,
}

/// How the launch stands to its terminal, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// No terminal: a session of its own.
    None,
    /// It leads the terminal's session, as under `script`.
    Leader,
    /// It is a job of a shell that leads the session.
    Job,
    /// The same, started with `&`.
    BackgroundJob,
}

/// A command line and what it inherits.
#[derive(Debug, Clone)]
pub struct Launch {
    pub arguments: Vec<OsString>,
    /// Put into the environment, or taken out of it.
    pub variables: Vec<(OsString, Option<OsString>)>,
    pub streams: Vec<(RawFd, Stream)>,
    pub session: Session,
    /// Relative to the folder of the case.
    pub directory: OsString,
    /// The working directory is removed before the program starts.
    pub directory_deleted: bool,
    pub umask: u32,
    /// Resource and soft limit.
    pub limits: Vec<(u32, u64)>,
    pub ignored_signals: Vec<i32>,
    pub blocked_signals: Vec<i32>,
    pub niceness: i32,
    /// After this the launch is killed and has failed.
    pub deadline: Duration,
}

impl Default for Launch {
    fn default() -> Self {
        let streams = vec![(0, Stream::Null), (1, Stream::Capture), (2, Stream::Capture)];
        Self {
            arguments: Vec::new(),
            variables: Vec::new(),
            streams,
            session: Session::None,
            directory: OsString::new(),
            directory_deleted: false,
            umask: 0o022,
            limits: Vec::new(),
            ignored_signals: Vec::new(),
            blocked_signals: Vec::new(),
            niceness: 0,
            deadline: Duration::from_secs(180),
        }
    }
}

impl Launch {
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::default().args(arguments)
    }

    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.variables.push((name.into(), None));
        self
    }

    /// Makes descriptor `number` this stream.
    pub fn with(mut self, number: RawFd, stream: Stream) -> Self {
        self.streams.retain(|(other, _)| *other != number);
        self.streams.push((number, stream));
        self.streams.sort_by_key(|(number, _)| *number);
        self
    }

    pub fn stdin(self, stream: Stream) -> Self {
        self.with(0, stream)
    }

    pub fn stdout(self, stream: Stream) -> Self {
        self.with(1, stream)
    }

    pub fn stderr(self, stream: Stream) -> Self {
        self.with(2, stream)
    }

    /// Descriptors 0, 1 and 2 are a terminal.
    pub fn on_terminal(mut self, session: Session) -> Self {
        self.session = session;
        self.stdin(Stream::Terminal).stdout(Stream::Terminal).stderr(Stream::Terminal)
    }

    pub fn directory(mut self, directory: impl AsRef<OsStr>) -> Self {
        directory.as_ref().clone_into(&mut self.directory);
        self
    }

    pub fn in_deleted_directory(mut self) -> Self {
        self.directory = "gone".into();
        self.directory_deleted = true;
        self
    }

    pub fn umask(mut self, umask: u32) -> Self {
        self.umask = umask;
        self
    }

    pub fn limit(mut self, resource: u32, soft: u64) -> Self {
        self.limits.push((resource, soft));
        self
    }

    pub fn ignoring(mut self, signal: i32) -> Self {
        self.ignored_signals.push(signal);
        self
    }

    pub fn blocking(mut self, signal: i32) -> Self {
        self.blocked_signals.push(signal);
        self
    }

    pub fn niceness(mut self, niceness: i32) -> Self {
        self.niceness = niceness;
        self
    }

    pub fn deadline_seconds(mut self, seconds: u64) -> Self {
        self.deadline = Duration::from_secs(seconds);
        self
    }
}
