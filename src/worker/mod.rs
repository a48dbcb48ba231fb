//! The embedded Julia source and how a worker is started: a booted Julia with our control socket at descriptor 3.
//!
//! Absent: which worker serves a launch, and when one is made (`conductor`).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::client::FIRST_OCCUPIED;
use crate::sys::passing;
use crate::sys::process::{Command, spawn};
use crate::sys::terminal::Pair;

/// The worker's source, in the order in which it is evaluated.
pub const SOURCE: &str = concat!(
    include_str!("julia/system.jl"),
    include_str!("julia/packet.jl"),
    include_str!("julia/leave.jl"),
    include_str!("julia/job.jl"),
    include_str!("julia/fork.jl"),
    include_str!("julia/memory.jl"),
    include_str!("julia/internals.jl"),
    include_str!("julia/compiler.jl"),
    include_str!("julia/signals.jl"),
    include_str!("julia/rest.jl"),
    include_str!("julia/app.jl"),
    include_str!("julia/run.jl"),
    include_str!("julia/trace.jl"),
    include_str!("julia/zygote.jl"),
    include_str!("julia/rehearse.jl"),
    include_str!("julia/ahead.jl"),
    include_str!("julia/computing.jl"),
    include_str!("julia/macros.jl"),
    include_str!("julia/loading.jl"),
    include_str!("julia/kept.jl"),
    include_str!("julia/loops.jl"),
    include_str!("julia/lowered.jl"),
    include_str!("julia/later.jl"),
    include_str!("julia/command.jl"),
    include_str!("julia/branch.jl"),
    include_str!("julia/repl.jl"),
    include_str!("julia/session.jl"),
    include_str!("julia/boot.jl"),
);

/// Whether a worker forks a child per launch, or is itself used for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isolation {
    Fork,
    Fresh,
    /// A fresh one that is ready for a REPL and has a terminal of its own.
    Repl,
    /// One process for many launches, one after the other.
    Session,
}

impl Isolation {
    /// As `JULIA_DAEMON_ISOLATION`, status and the worker's source name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Fresh | Self::Repl => "fresh",
            Self::Session => "session",
        }
    }

    /// Its name in the worker's source (`boot`).
    fn kind(self) -> &'static str {
        match self {
            Self::Fork => "zygote",
            Self::Fresh => "fresh",
            Self::Repl => "repl",
            Self::Session => "session",
        }
    }
}

/// What a worker is started from.
#[derive(Debug, Clone)]
pub struct Plan {
    pub julia: PathBuf,
    /// Process-wide switches of the launches that it will serve.
    pub switches: Vec<OsString>,
    /// `NAME=value` entries that Julia or its libraries read at start-up.
    pub environment: Vec<Vec<u8>>,
    pub isolation: Isolation,
}

/// A worker that is starting.
pub struct Started {
    pub pid: u32,
    /// For a zygote packets, for a fresh worker the stream on which it is given its job.
    pub control: OwnedFd,
}

/// Starts a worker as a child of this process; its output goes to `log`. One for a REPL gets both sides of its terminal.
///
/// # Errors
/// Julia could not be executed, or no socket or memory file could be had.
pub fn start(plan: &Plan, log: &File, terminal: Option<Pair>) -> io::Result<Started> {
    let (ours, theirs) = match plan.isolation {
        Isolation::Fork => passing::packet_pair()?,
        _ => passing::stream_pair()?,
    };
    let null = OwnedFd::from(OpenOptions::new().read(true).write(true).open("/dev/null")?);
    let log = || log.try_clone().map(OwnedFd::from);
    let mut descriptors = vec![null, log()?, log()?, theirs, source_file()?];
    descriptors.extend(terminal.into_iter().flat_map(|pair| [pair.leader, pair.follower]));
    let pid = spawn(&Command {
        program: plan.julia.clone(),
        arguments: arguments(plan),
        environment: plan.environment.iter().map(|entry| OsString::from_vec(entry.clone())).collect(),
        descriptors,
        occupied_below: FIRST_OCCUPIED,
        own_session: plan.isolation == Isolation::Fork,
    })?;
    Ok(Started { pid, control: ours })
}

/// The source as a file without a name: nothing lies on disk that could be changed, removed or found by two versions.
fn source_file() -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("jlapp-worker.jl", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(file);
    file.write_all(SOURCE.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

fn arguments(plan: &Plan) -> Vec<OsString> {
    // One thread without being asked: Julia 1.12 starts an interactive one as well unless told a number.
    let single = matches!(plan.isolation, Isolation::Fork).then(|| OsString::from("--threads=1"));
    let fixed = ["--startup-file=no", "--history-file=no", "--color=no", "-e"].map(OsString::from);
    plan.switches.iter().cloned().chain(single).chain(fixed).chain([boot_expression(plan.isolation)]).collect()
}

/// Evaluates the source in a module that nothing refers to: `Main` stays as empty as plain Julia's.
fn boot_expression(isolation: Isolation) -> OsString {
    let kind = isolation.kind();
    format!(
        "let m = Module(:JuliaWorker); \
         Base.include_string(m, read(\"/proc/self/fd/4\", String), \"worker.jl\"); \
         Base.invokelatest(Base.invokelatest(getfield, m, :boot), \"{kind}\"); end"
    )
    .into()
}
