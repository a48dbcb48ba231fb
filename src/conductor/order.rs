//! From a launch to what a worker is to do: the key of the workers that may, the program's own key, and the job.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choice::Chosen;
use super::decline::Decline;
use super::key::{Key, Stamped};
use super::needs::Needs;
use super::program::Program;
use super::standing::Standing;
use super::{Conductor, job};
use crate::env;
use crate::julia::{CommandLine, parse};
use crate::protocol::{Job, Launch, Recipe};
use crate::worker::Isolation;

/// A launch, and where it is made.
pub(super) struct Request<'a> {
    pub(super) launch: Launch,
    pub(super) chosen: &'a Chosen,
    pub(super) directory: &'a Path,
    pub(super) client: &'a Standing,
    pub(super) descriptors: &'a [OwnedFd],
}

/// What becomes of a launch whose session runs another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Waits,
    FailsWhenBusy,
}

/// What is to be done for a launch.
pub(super) struct Order {
    pub(super) key: Key,
    /// The key of its own branch.
    pub(super) program: Option<Key>,
    pub(super) line: CommandLine,
    pub(super) job: Job,
    pub(super) require: bool,
    pub(super) turn: Turn,
    /// The sessions of its project end first.
    pub(super) restarts: bool,
    /// What the launch asks for, if it does.
    pub(super) time_to_live: Option<Duration>,
    pub(super) is_traced: bool,
}

impl Order {
    /// # Errors
    /// No worker serves such launches.
    pub(super) fn of(conductor: &Conductor, request: Request<'_>) -> Result<Self, Decline> {
        let Request { launch, chosen, directory, client, descriptors } = request;
        let mut line = parse(&chosen.arguments()).map_err(|_| Decline::Malformed)?;
        if line.interactive && launch.terminal == 0 {
            return Err(Decline::Interactive);
        }
        line.resolve_paths(directory);
        let mut key = Key::new(Stamped::at(&chosen.selection.binary)?, &line, &launch, directory);
        // An app's text is ours, with the names of its folders in it.
        let folder = descriptors.get(1).filter(|_| chosen.app.is_none());
        let needs = folder.map_or_else(Needs::default, |folder| Needs::of(&line, folder));
        let is_alone = matches!(key.isolation, Isolation::Fork | Isolation::Fresh);
        if is_alone && needs.terminal && has_terminal(&launch, descriptors) {
            return Err(Decline::ControllingTerminal);
        }
        if needs.own_process && key.isolation == Isolation::Fork {
            key = key.fresh();
        }
        let program = Program::of(&line, &launch, chosen.app.as_ref(), directory);
        let program = program.filter(|_| key.isolation == Isolation::Fork).map(|program| key.with(program));
        let (time_to_live, is_traced) = (time_to_live(&launch), is_traced(&launch));
        // A session's state is nowhere else: whatever happens to be ready is no use.
        let require = launch.require || launch.kept.is_some();
        let fails = launch.kept.as_ref().is_some_and(|kept| kept.fails_when_busy);
        let turn = if fails { Turn::FailsWhenBusy } else { Turn::Waits };
        let restarts = launch.kept.as_ref().is_some_and(|kept| kept.restarts);
        let job = job::compose(launch, &line, &conductor.standing, client);
        Ok(Self { key, program, line, job, require, turn, restarts, time_to_live, is_traced })
    }

    /// What a branch for such launches is made from.
    pub(super) fn recipe(&self, chosen: &Chosen, directory: &Path) -> Recipe {
        let app = chosen.app.iter().flat_map(|found| {
            let folders = [&found.depot].into_iter().chain(&found.start.load_path);
            let folders = folders.map(|folder| folder.as_os_str().as_bytes().to_vec());
            [found.first().as_bytes().to_vec()].into_iter().chain(folders)
        });
        let folder = directory.as_os_str().as_bytes().to_vec();
        let mut job = self.job.clone();
        // The program's own arguments are each launch's own, and may be megabytes.
        job.arguments.truncate(1);
        job.descriptors.clear();
        Recipe { folder, app: app.collect(), notes: Vec::new(), job }
    }
}

/// Whether one of the client's standard streams is a terminal. Descriptors 2 on are the client's own.
fn has_terminal(launch: &Launch, descriptors: &[OwnedFd]) -> bool {
    let mut own = launch.descriptors.iter().zip(descriptors.iter().skip(2));
    own.any(|(number, descriptor)| *number <= 2 && rustix::termios::isatty(descriptor))
}

/// The path of an open folder, for what Julia resolves at its start.
pub(super) fn path_of(folder: &OwnedFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()
}

/// Seconds in the text of `JULIA_DAEMON_WORKER_TTL`.
pub(super) fn seconds(text: &[u8]) -> Option<Duration> {
    std::str::from_utf8(text).ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn time_to_live(launch: &Launch) -> Option<Duration> {
    launch.variable(env::WORKER_TTL).and_then(seconds)
}

/// Whether the client wants to know who serves it.
fn is_traced(launch: &Launch) -> bool {
    launch.variable(env::DAEMON_TRACE).is_some_and(|target| !target.is_empty() && target != b"0")
}
