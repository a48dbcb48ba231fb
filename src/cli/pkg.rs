//! Julia programs that have Pkg do its work, in a worker of the right Julia, with Pkg's own progress on the user's terminal.
//!
//! Ctrl-C goes to the program; what it had made is thrown away before this process ends by the same signal.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus};

use rustix::event::{PollFd, PollFlags, poll};

use super::failure::Failure;
use crate::sys::process;
use crate::sys::signals::{self, SIGHUP, SIGINT, SIGTERM, SignalStream};
use crate::toolchain::Selection;
use crate::{env, exit};

/// Signals that ask this process to end: first its Julia does.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Runs a program given by its text, with Julia's `flags` and its own arguments.
///
/// # Errors
/// It has failed, and has said why; or it was interrupted.
pub(super) fn run(julia: &Selection, flags: &[String], program: &str, arguments: Vec<OsString>) -> Result<(), Failure> {
    let client = process::own_folder()?.join("juliaclient");
    let mut command = Command::new(&client);
    command.args(julia.channel.iter().map(|channel| format!("+{channel}")));
    command.args(flags).args(["-e", program, "--"]).args(arguments);
    // No folder's override and no project of the user's decides about this Julia or its packages.
    command.env(env::WORKER_EXECUTABLE, &julia.binary).env_remove(env::JULIAUP_CHANNEL).current_dir("/");
    command.env_remove(env::JULIA_PROJECT).env_remove(env::JULIA_LOAD_PATH);
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

/// The child's status, and the signal that had asked us to end.
fn wait(mut child: Child) -> std::io::Result<(ExitStatus, Option<i32>)> {
    let pidfd = process::pidfd(child.id())?;
    let arrivals = SignalStream::new(&ENDING)?;
    let mut asked = None;
    loop {
        let mut polled = [
            PollFd::new(&pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(arrivals.as_descriptor().as_fd(), PollFlags::IN),
        ];
        if poll(&mut polled, None).is_err() {
            continue;
        }
        let has_ended = !polled[0].revents().is_empty();
        while let Some(arrival) = arrivals.next() {
            asked = Some(arrival.signal);
            // What a terminal sends it has got itself.
            if !arrival.from_kernel {
                signals::send(child.id().cast_signed(), arrival.signal);
            }
        }
        if has_ended {
            return Ok((child.wait()?, asked));
        }
    }
}
