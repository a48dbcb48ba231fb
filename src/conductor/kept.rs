//! Sessions: workers that are used again, one launch after the other, each with its state.
//!
//! A launch that finds its session busy waits in the group's queue. A worker says that it is free again as it says that it has
//! booted. Invariant: what ends a launch (its client's end among it) does not end its session, unless nothing else helps.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::group::{Group, RunningJob, Spare};
use super::pool::Pool;
use crate::env;
use crate::julia::CommandLine;
use crate::protocol::{Launch, Packet};
use crate::sys::passing;
use crate::sys::signals::{self, SIGINT, SIGKILL};

/// A launch whose client has gone is interrupted so often, then its session is ended.
const INTERRUPTIONS: u32 = 6;
const BETWEEN: Duration = Duration::from_secs(1);
/// As long as a session takes to put back what a launch has changed.
const TIDYING: Duration = Duration::from_millis(250);

/// Which session a launch belongs to; launches of equal ones share it, where the rest of their keys is equal too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    whose: Whose,
    /// Its project: a path, or a name like `@v1.10`.
    pub(super) project: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Label(Vec<u8>),
    /// The terminal session with this id (getsid(2)).
    Terminal(u32),
}

impl Name {
    /// `None`: the launch wants no session.
    pub(super) fn of(launch: &Launch, line: &CommandLine, directory: &Path) -> Option<Self> {
        let label = &launch.kept.as_ref()?.label;
        let whose = if label.is_empty() { Whose::Terminal(launch.session) } else { Whose::Label(label.clone()) };
        let given = line.project.as_deref().or_else(|| launch.variable(env::JULIA_PROJECT).map(OsStr::from_bytes));
        Some(Self { whose, project: given.filter(|given| !given.is_empty()).map(|given| project(given, directory)) })
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let whose = match &self.whose {
            Whose::Label(label) => format!("the session {}", String::from_utf8_lossy(label)),
            Whose::Terminal(id) => format!("the session of terminal session {id}"),
        };
        let project = self.project.as_ref().map(|project| format!(" of {}", project.display()));
        whose + &project.unwrap_or_default()
    }
}

/// The same for each way to name a project (`load_path_expand`, base/initdefs.jl).
fn project(given: &OsStr, directory: &Path) -> PathBuf {
    if given == OsStr::new("@.") {
        let has_project =
            |folder: &&Path| ["JuliaProject.toml", "Project.toml"].iter().any(|name| folder.join(name).exists());
        return directory.ancestors().find(has_project).unwrap_or(directory).to_owned();
    }
    if given.as_bytes().starts_with(b"@") {
        return given.into();
    }
    let mut path = PathBuf::new();
    for part in directory.join(given).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    let is_file = path.file_name().is_some_and(|name| name == "Project.toml" || name == "JuliaProject.toml");
    if is_file { path.parent().unwrap_or(&path).to_owned() } else { path }
}

impl Pool {
    /// Drops all sessions of a project, except for the launches that they run.
    pub(super) fn restart_sessions(&self, project: Option<&Path>) {
        let of_project =
            |group: &&Rc<Group>| group.key.session.as_ref().is_some_and(|name| name.project.as_deref() == project);
        let dropped: Vec<Rc<Group>> = self.groups.borrow().values().filter(of_project).cloned().collect();
        for group in dropped {
            self.log.line(&format!("{} is dropped: a launch restarts it", group.key.words()));
            self.remove(&group);
        }
    }
}

/// Gives a session its next launch, and has it back afterwards.
pub(super) async fn dispatch(
    group: &Rc<Group>,
    spare: Spare,
    bytes: &[u8],
    descriptors: &[OwnedFd],
    client: u32,
) -> io::Result<()> {
    let channel = descriptors.first().ok_or_else(|| io::Error::other("no job channel"))?;
    let (for_job, for_us) = (channel.try_clone()?, channel.try_clone()?);
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    spare.stream.send(bytes, &borrowed).await?;
    let parent = spare.parent.clone();
    let job = RunningJob { channel: for_job, parent, program: None, client, since: Instant::now() };
    group.jobs.borrow_mut().insert(spare.pid, job);
    group.served.set(group.served.get() + 1);
    tokio::task::spawn_local(see_through(group.clone(), spare, for_us));
    Ok(())
}

/// Whether a session can be had now. A launch hears of its end a little before its session is free, and the next one may
/// follow at once.
pub(super) async fn is_free(group: &Group) -> bool {
    let freed = async {
        while group.is_busy() {
            let changed = group.changed.notified();
            let _ = tokio::time::timeout(Duration::from_millis(10), changed).await;
        }
    };
    tokio::time::timeout(TIDYING, freed).await.is_ok()
}

/// Follows a launch to its end. A session that has ended with it is its parent's to report.
async fn see_through(group: Rc<Group>, spare: Spare, channel: OwnedFd) {
    let said = tokio::select! {
        said = spare.stream.packet() => said,
        () = end_abandoned(spare.pid, &channel) => return,
    };
    drop(channel);
    if matches!(said, Ok(Some((Packet::Booted { .. }, _)))) {
        group.forget(spare.pid);
        group.changed.notify_waiters();
        if !group.is_retired.get() {
            group.add_spare(spare);
        }
    }
}

/// Interrupts a launch whose client has gone, as Ctrl-C would. Returns when all that was left was to end its session.
async fn end_abandoned(pid: u32, channel: &OwnedFd) {
    while !has_hung_up(channel) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // One that has told its end is about to be free.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..INTERRUPTIONS {
        signals::send(-pid.cast_signed(), SIGINT);
        tokio::time::sleep(BETWEEN).await;
    }
    signals::send(-pid.cast_signed(), SIGKILL);
}

fn has_hung_up(channel: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(channel, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::HUP)
}

/// A session has ended while it ran a launch, whose client hears how.
pub(super) fn report_end(group: &Group, pid: u32, status: i32) {
    if let Some(job) = group.jobs.borrow().get(&pid) {
        let _ = passing::send(&job.channel, &Packet::Ended { pid, status }.encode(), &[]);
    }
}
