//! Children of this process and theirs: which there are, and how they end.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitOptions, pidfd_open, waitid, waitpid};

/// A process and all that it and its children have started, as far as they have not been left to others (proc(5)).
pub fn with_descendants(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(parent) = all.get(at).copied() {
        all.extend(children(parent));
        at += 1;
    }
    all
}

/// Children of this process that have ended and were not taken away yet.
pub fn ended_children() -> Vec<u32> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let has_ended = |id: WaitId<'_>| matches!(waitid(id, options), Ok(Some(_)));
    if !has_ended(WaitId::All) {
        return Vec::new();
    }
    let ended = |pid: &u32| Pid::from_raw(pid.cast_signed()).is_some_and(|pid| has_ended(WaitId::Pid(pid)));
    children(std::process::id()).into_iter().filter(ended).collect()
}

/// Children of a process, those of all its threads (`/proc/pid/task/tid/children`, proc(5)).
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// A descriptor that becomes readable when process `pid` has ended (`pidfd_open(2)`, Linux 5.3).
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// The wait status of child `pid` if it has ended (waitpid(2)), taking it away.
pub fn reap(pid: u32) -> Option<i32> {
    let pid = Pid::from_raw(pid.cast_signed())?;
    let (_, status) = waitpid(Some(pid), WaitOptions::NOHANG).ok()??;
    Some(status.as_raw())
}

/// The signal that has stopped child `pid` since it was last asked (waitid(2)).
pub fn stopped_by(pid: u32) -> Option<i32> {
    let pid = Pid::from_raw(pid.cast_signed())?;
    let status = waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG).ok()??;
    status.stopped().then(|| status.stopping_signal()).flatten()
}

/// Orphans below this process become its children (`PR_SET_CHILD_SUBREAPER`, prctl(2)).
pub fn adopt_orphans() {
    // SAFETY: plain system call.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}
