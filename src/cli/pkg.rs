//! Julia programs that have Pkg do its work, in a worker of the right Julia, with Pkg's own progress on the user's terminal.
//!
//! Ctrl-C goes to the program; what it had made is thrown away before this process ends by the same signal.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, pidfd_send_signal};

use super::failure::Failure;
use crate::apps::{Declared, ENVIRONMENTS, OWN_DEPENDENCIES, own_dependencies_words, stage_own_dependencies};
use crate::sys::children;
use crate::sys::files;
use crate::sys::kin;
use crate::sys::process;
use crate::sys::scratch::Scratch;
use crate::sys::signals::{self, SIGHUP, SIGINT, SIGKILL, SIGTERM, SignalStream};
use crate::toolchain::{Error, Selection};
use crate::{env, exit};

/// Signals that ask this process to end: first its Julia does.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// A lock, as long as it lives: Pkg has none where it clones repositories, and two of it spoil each other's (`ensure_clone`,
/// src/GitTools.jl).
///
/// # Errors
/// It cannot be made.
pub(super) fn alone(depot: &Path) -> Result<File, Failure> {
    let path = depot.join(ENVIRONMENTS).join(".jlapp.lock");
    let failed = |error| Error::app_file("cannot lock", &path, &error);
    fs::create_dir_all(depot.join(ENVIRONMENTS)).map_err(failed)?;
    if let Some(lock) = files::try_lock(&path).map_err(failed)? {
        return Ok(lock);
    }
    eprintln!("jlapp: another jlapp has Pkg get packages; waiting for it");
    Ok(files::lock(&path).map_err(failed)?)
}

/// The program that has Pkg use the folder for temporary files which [`env::SCRATCH`] names. Behind its first statement, since
/// packages that a launch loads first are loaded ahead; on the same line, since errors name lines.
fn with_scratch(program: &str) -> String {
    let (scratch, temporary) = (env::SCRATCH, env::TMPDIR);
    let adopt =
        format!("import Pkg; haskey(ENV, \"{scratch}\") && (ENV[\"{temporary}\"] = pop!(ENV, \"{scratch}\"))\n");
    program.replacen("import Pkg\n", &adopt, 1)
}

/// Runs a program given by its text, with Julia's `flags` and its own arguments.
///
/// # Errors
/// It has failed, and has said why; or it was interrupted.
pub(super) fn run(julia: &Selection, flags: &[String], program: &str, arguments: Vec<OsString>) -> Result<(), Failure> {
    let client = process::own_folder()?.join("juliaclient");
    let mut command = Command::new(&client);
    command.args(julia.channel.iter().map(|channel| format!("+{channel}")));
    command.args(flags).args(["-e", &with_scratch(program), "--"]).args(arguments);
    // No folder's override and no project of the user's decides about this Julia or its packages.
    command.env(env::WORKER_EXECUTABLE, &julia.binary).env_remove(env::JULIAUP_CHANNEL).current_dir("/");
    command.env_remove(env::JULIA_PROJECT).env_remove(env::JULIA_LOAD_PATH);
    command.env(env::STARTED_BY, std::process::id().to_string());
    // Where none can be had Pkg has none either, and says so.
    let scratch = Scratch::new().ok();
    command.envs(scratch.iter().map(|scratch| (env::SCRATCH, scratch.path())));
    // Meant for this process; workers that were made ready would differ in it.
    command.env_remove(env::CRASH_AT);
    // Progress is no result.
    command.stdout(std::io::stderr());
    signals::block(&ENDING);
    let ended = command.spawn().and_then(wait);
    signals::unblock(&ENDING);
    let (status, signal) = ended.map_err(|error| Failure::CannotExecute(client, error))?;
    match (signal, status.code()) {
        (Some(signal), _) => Err(Failure::Interrupted(signal)),
        (None, Some(0)) => Ok(()),
        (None, code) => Err(Failure::Reported(code.unwrap_or(exit::FAILURE))),
    }
}

/// Has Pkg resolve in `folder` what only a package's app files need; whether they have such dependencies.
///
/// # Errors
/// They cannot be had.
pub(super) fn own_dependencies(
    depot: &Path,
    folder: &Path,
    (package, source): (&Declared, &Path),
    julia: &Selection,
) -> Result<bool, Failure> {
    let is_needed = stage_own_dependencies(folder, &package.name, source)?;
    if is_needed {
        run(julia, &[], OWN_DEPENDENCIES, own_dependencies_words(depot, folder, source)).inspect_err(|_| {
            eprintln!("jlapp: the dependencies of the app files of {} could not be had", package.name);
        })?;
    }
    Ok(is_needed)
}

/// So long it may take to end by itself; Julia can sleep through an interrupt.
const GRACE: Duration = Duration::from_secs(2);

/// The child's status, and the signal that had asked us to end.
fn wait(mut child: Child) -> std::io::Result<(ExitStatus, Option<i32>)> {
    let pidfd = children::pidfd(child.id())?;
    let arrivals = SignalStream::new(&ENDING)?;
    let mut asked: Option<(i32, Instant)> = None;
    // First it is asked, then told.
    let mut harder = [SIGTERM, SIGKILL].into_iter();
    loop {
        let mut polled = [
            PollFd::new(&pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(arrivals.as_descriptor().as_fd(), PollFlags::IN),
        ];
        let left = asked.filter(|_| harder.len() > 0).map(|(_, since)| GRACE.saturating_sub(since.elapsed()));
        let timeout = left.and_then(|left| left.try_into().ok());
        if poll(&mut polled, timeout.as_ref()).is_err() {
            continue;
        }
        let has_ended = !polled[0].revents().is_empty();
        while let Some(arrival) = arrivals.next() {
            asked.get_or_insert((arrival.signal, Instant::now()));
            // What a terminal sends it has got itself.
            if !arrival.from_kernel {
                signals::send(child.id().cast_signed(), arrival.signal);
            }
        }
        if has_ended {
            let asked = asked.map(|(signal, _)| signal);
            if asked.is_some() {
                end_leftovers();
            }
            return Ok((child.wait()?, asked));
        }
        if let Some((signal, _)) = asked.filter(|(_, since)| since.elapsed() >= GRACE)
            && let Some(next) = harder.next()
        {
            // Julia's own children, too: a build has nobody else who would end it.
            for pid in children::with_descendants(child.id()) {
                signals::send(pid.cast_signed(), next);
            }
            asked = Some((signal, Instant::now()));
        }
    }
}

/// Waits for the end of what Pkg has started and left: first it is asked, then told.
fn end_leftovers() {
    let entry = format!("{}={}", env::STARTED_BY, std::process::id());
    // These descriptors stand for no other process later.
    let mut left: Vec<OwnedFd> =
        kin::with_entry(&entry).into_iter().filter_map(|pid| children::pidfd(pid).ok()).collect();
    for harder in [Signal::TERM, Signal::KILL] {
        let since = Instant::now();
        while !left.is_empty() && since.elapsed() < GRACE {
            let timeout = GRACE.saturating_sub(since.elapsed()).try_into().ok();
            let mut polled: Vec<PollFd<'_>> = left.iter().map(|one| PollFd::new(one, PollFlags::IN)).collect();
            let _ = poll(&mut polled, timeout.as_ref());
            let has_ended: Vec<bool> = polled.iter().map(|one| !one.revents().is_empty()).collect();
            let mut ended = has_ended.into_iter();
            left.retain(|_| !ended.next().unwrap_or(false));
        }
        for one in &left {
            // One that has ended meanwhile needs nothing more.
            let _ = pidfd_send_signal(one, harder);
        }
    }
}
