//! From a command line to an exit status: parse, hand over to a worker or execute plain Julia, relay signals.
//!
//! Invariant: the program runs at most once. Until [`handover`] has sent "go" every difficulty ends in [`direct`];
//! after it none does. Absent: which worker serves, what Julia's packages are, anything asynchronous.

mod ask;
mod autostart;
mod connect;
mod direct;
mod handover;
mod julia_path;
mod message;
mod native;
pub mod plan;
mod reason;
mod relay;
mod session;
pub mod socket;
mod terminal;
mod trace;
mod typing;

use std::ffi::OsString;

pub use ask::{drain, warm};
pub use connect::{Connection, converse};
pub use message::FIRST_OCCUPIED;
pub use reason::Reason;

use crate::julia::{CommandLine, Refusal, parse};
use crate::protocol::Kept;
use crate::sys::process::in_background;
use crate::sys::signals::{self, Inherited};
use crate::{env, exit};
use terminal::Terminal;
use trace::Trace;

/// How much the user wants a worker (`JULIA_DAEMON`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    No,
    Yes,
    Only,
}

impl Wanted {
    fn from_environment() -> Self {
        match std::env::var_os(env::DAEMON).as_deref().and_then(|value| value.to_str()) {
            Some("off" | "no" | "0") => Self::No,
            Some("require") => Self::Only,
            _ => Self::Yes,
        }
    }
}

/// One launch, from the client's view.
struct Attempt {
    /// The channel of Julia that was asked for.
    channel: Option<OsString>,
    /// The app to launch: its name, or the path of its shim.
    app: Option<OsString>,
    /// Arguments as Julia gets them: those of `JULIA_DAEMON_WORKER_ARGS` first. For an app its own.
    arguments: Vec<OsString>,
    inherited: Inherited,
    wanted: Wanted,
    trace: Trace,
    /// The session that it is to be run in.
    kept: Option<Kept>,
}

/// Starts a conductor, for `jlapp daemon start`; returns when one listens.
///
/// # Errors
/// None came up in time, or the socket's place is unsafe.
pub fn start_conductor() -> std::io::Result<()> {
    Connection::to_started().map(drop).map_err(|reason| std::io::Error::other(reason.to_string()))
}

/// Runs `julia` with these arguments, its own name in front, and returns the exit status to end with.
///
/// Does not return where plain Julia takes over, nor where the program died by a signal.
pub fn run(mut arguments: Vec<OsString>) -> i32 {
    arguments.drain(..arguments.len().min(1));
    let inherited = signals::inherited();
    let (channel, arguments) = julia_path::split_channel(arguments);
    match session::split(arguments) {
        Ok((kept, arguments)) => {
            Attempt { kept, ..Attempt::new(inherited, channel, None, with_worker_arguments(arguments)) }.run()
        }
        Err(problem) => {
            direct::complain(&problem);
            exit::USAGE
        }
    }
}

/// In every `jlshim`, and so in every copy of it, by which those are known.
pub const SHIM_MARK: &str = "jlshim is run by the shims of apps, which name it in their first line";

/// Runs the app whose shim this is: the first argument behind `jlshim`'s own path is the shim's, which the kernel puts there
/// (execve(2)). A copy of `jlshim` that stands in an app's place is the shim itself. Ends as [`run`] does.
pub fn run_shim(arguments: Vec<OsString>) -> i32 {
    let mut arguments = arguments.into_iter().skip(1);
    let own = std::env::current_exe().ok().filter(|path| path.file_name().is_some_and(|name| name != "jlshim"));
    let Some(shim) = own.map(std::path::PathBuf::into_os_string).or_else(|| arguments.next()) else {
        direct::complain(&format!("{SHIM_MARK}; see `jlapp --help`"));
        return exit::FAILURE;
    };
    run_app(None, shim, arguments.collect())
}

/// `jlapp launch [+channel] app [arguments]`, without the first two words. Ends as [`run`] does.
pub fn launch(arguments: Vec<OsString>) -> i32 {
    let (channel, arguments) = julia_path::split_channel(arguments);
    let mut arguments = arguments.into_iter();
    let Some(app) = arguments.next() else {
        direct::complain("which app? `jlapp launch [+channel] app [arguments]`; `jlapp status` lists them");
        return exit::USAGE;
    };
    run_app(channel, app, arguments.collect())
}

/// A native app needs nothing of what comes after.
fn run_app(channel: Option<OsString>, app: OsString, arguments: Vec<OsString>) -> i32 {
    if let Some(status) = native::execute(&app, &arguments) {
        return status;
    }
    Attempt::new(signals::inherited(), channel, Some(app), arguments).run()
}

impl Attempt {
    fn new(inherited: Inherited, channel: Option<OsString>, app: Option<OsString>, arguments: Vec<OsString>) -> Self {
        let (wanted, trace) = (Wanted::from_environment(), Trace::from_environment());
        Self { channel, app, arguments, inherited, wanted, trace, kept: None }
    }

    fn run(&self) -> i32 {
        match self.serve() {
            Ok(status) => status,
            Err(reason) => self.run_plain(&reason),
        }
    }

    fn serve(&self) -> Result<i32, Reason> {
        if self.wanted == Wanted::No {
            return Err(Reason::Off);
        }
        let line = if self.app.is_none() { Some(parse(&self.arguments)?) } else { None };
        if self.kept.is_some() && line.as_ref().is_some_and(is_interactive) {
            return Err(Reason::Interactive);
        }
        let terminal =
            line.filter(is_interactive).map(|_| Terminal::of_session().ok_or(Reason::Interactive)).transpose()?;
        refuse_background()?;
        let mut job = handover::hand_over(self, terminal.as_ref())?;
        Ok(match (terminal, job.leader.take()) {
            (Some(terminal), Some(leader)) => typing::until_it_ends(&job, terminal, leader, self),
            _ => relay::until_it_ends(&job, self),
        })
    }

    /// What ends every attempt that no worker served.
    fn run_plain(&self, reason: &Reason) -> i32 {
        if self.kept.is_some() && !reason.is_julias_own_answer() {
            return session::refuse(reason, self);
        }
        self.trace.direct(reason);
        if self.wanted == Wanted::Only && !reason.is_julias_own_answer() {
            if reason.command().is_none() {
                // Where no Julia can be picked, that is what the user has to hear.
                let _ = julia_path::plain(self);
            }
            return direct::refuse(reason);
        }
        let picked = reason.command().map_or_else(|| julia_path::plain(self), |command| Ok(command.to_vec()));
        let mut words = match picked {
            Ok(words) => words,
            Err(status) => return status,
        };
        if self.app.is_none() {
            words.extend(self.arguments.iter().cloned());
        }
        signals::restore(self.inherited);
        direct::execute(&words[0], &words[1..])
    }
}

/// What talks with its user, and so needs a controlling terminal: a REPL, or what `-i` makes interactive.
fn is_interactive(line: &CommandLine) -> bool {
    line.interactive || (line.wants_repl() && has_terminal())
}

fn refuse_background() -> Result<(), Reason> {
    if has_terminal() && in_background() { Err(Reason::Background) } else { Ok(()) }
}

fn has_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
}

/// Puts the words of `JULIA_DAEMON_WORKER_ARGS` first, so that whatever the user typed wins.
fn with_worker_arguments(arguments: Vec<OsString>) -> Vec<OsString> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let words = std::env::var_os(env::WORKER_ARGS).unwrap_or_else(|| "--startup-file=no".into());
    let words = words.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.map(|word| OsString::from_vec(word.to_vec())).chain(arguments).collect()
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self::CommandLine(refusal)
    }
}
