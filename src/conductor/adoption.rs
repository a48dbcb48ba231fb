//! Parents of jobs: booting them, hearing what they say, and taking over when one dies.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;

use super::group::{Group, Phase, Spare};
use super::keeper;
use super::pool::Pool;
use super::socket_io::Socket;
use crate::protocol::Packet;
use crate::sys::process;
use crate::sys::signals::{self, SIGKILL};
use crate::worker::{self, Isolation, Started};

/// A worker that is not ready by then will not be.
const BOOT_TIMEOUT: Duration = Duration::from_secs(120);

/// Starts the workers of a group, in the background.
pub(super) fn boot(pool: &Rc<Pool>, group: &Rc<Group>) {
    let started = pool.log.file().and_then(|log| match group.key.isolation {
        Isolation::Fork => worker::start(&group.key.plan(), &log),
        Isolation::Fresh => keeper::start(&group.key.plan(), &log),
    });
    match started {
        Ok(started) => {
            group.coming.set(group.coming.get() + usize::from(group.key.isolation == Isolation::Fresh));
            tokio::task::spawn_local(attend(pool.clone(), group.clone(), started));
        }
        Err(error) => {
            pool.log.line(&format!("cannot start {}: {error}", group.key.julia.path.display()));
            group.fail();
        }
    }
}

/// Makes what a group is short of.
pub(super) fn replenish(pool: &Rc<Pool>, group: &Rc<Group>) {
    match group.key.isolation {
        Isolation::Fork => group.ask_for_spares(),
        Isolation::Fresh => {
            for _ in 0..group.shortage() {
                boot(pool, group);
            }
        }
    }
}

/// Everything that one parent says until it ends.
async fn attend(pool: Rc<Pool>, group: Rc<Group>, started: Started) {
    let Ok(control) = Socket::new(started.control).map(Rc::new) else { return group.fail() };
    if group.key.isolation == Isolation::Fork {
        *group.zygote.borrow_mut() = Some((started.pid, control.clone()));
    }
    let outcome = tokio::select! {
        outcome = listen(&pool, &group, &control) => outcome,
        () = group.retired.notified() => Ok(()),
        () = too_long(&group) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    if let Err(error) = outcome {
        pool.log.line(&format!("worker {}: {error}", started.pid));
        // Only where it never became ready: a parent that serves is left to its jobs.
        if group.phase.get() == Phase::Booting {
            signals::send(-started.pid.cast_signed(), SIGKILL);
        }
    }
    let spares_of_ours = |spare: &Spare| Rc::ptr_eq(&spare.parent, &control);
    group.spares.borrow_mut().retain(|spare| !spares_of_ours(spare));
    let lost = !group.is_retired.get();
    if lost && group.key.isolation == Isolation::Fork {
        group.fail();
    }
    drop(control);
    wait_for(started.pid).await;
    if lost {
        adopt_jobs(&group);
    }
}

/// Never ends once the group is ready.
async fn too_long(group: &Group) {
    tokio::time::sleep(BOOT_TIMEOUT).await;
    if group.phase.get() != Phase::Booting {
        std::future::pending::<()>().await;
    }
}

async fn listen(pool: &Rc<Pool>, group: &Rc<Group>, control: &Rc<Socket>) -> io::Result<()> {
    while let Some((packet, descriptor)) = control.packet().await? {
        match (packet, descriptor) {
            (Packet::Booted { version }, _) => become_ready(pool, group, version),
            (Packet::CannotFork { probe }, _) => return cannot_fork(pool, group, probe),
            (Packet::Spare { pid }, Some(stream)) => take_spare(pool, group, control, pid, stream).await?,
            (Packet::Ended { pid, .. }, _) => ended(group, pid),
            _ => {}
        }
    }
    if group.phase.get() == Phase::Booting { Err(io::Error::other("ended before it was ready")) } else { Ok(()) }
}

fn become_ready(pool: &Rc<Pool>, group: &Rc<Group>, version: i32) {
    let part = |shift: i32| u32::try_from((version >> shift) & 0xff).unwrap_or(0);
    group.phase.set(Phase::Ready((part(16), part(8))));
    pool.log.line(&format!("{} is ready ({})", group.key.julia.path.display(), group.key.isolation.name()));
    replenish(pool, group);
}

/// Launches of this Julia are served by fresh processes from now on.
fn cannot_fork(pool: &Rc<Pool>, group: &Group, probe: i32) -> io::Result<()> {
    let why = match probe {
        -1 => "it has more threads than one, or no /proc/self/mem of its own".to_owned(),
        number => format!("rehearsal {number} failed in a forked child"),
    };
    pool.log.line(&format!("{} cannot be forked: {why}", group.key.julia.path.display()));
    pool.note_unforkable(&group.key.julia, &why);
    group.fail();
    Ok(())
}

async fn take_spare(
    pool: &Rc<Pool>,
    group: &Rc<Group>,
    parent: &Rc<Socket>,
    pid: u32,
    stream: OwnedFd,
) -> io::Result<()> {
    let stream = Socket::new(stream)?;
    if group.key.isolation == Isolation::Fresh {
        let Some((Packet::Booted { version }, _)) = stream.packet().await? else {
            return Err(io::Error::other("Julia ended before it was ready"));
        };
        group.add_spare(Spare { pid, stream, parent: parent.clone() });
        become_ready(pool, group, version);
    } else {
        group.add_spare(Spare { pid, stream, parent: parent.clone() });
    }
    Ok(())
}

fn ended(group: &Group, pid: u32) {
    group.jobs.borrow_mut().remove(&pid);
    group.spares.borrow_mut().retain(|spare| spare.pid != pid);
}

/// Waits until a child of ours has ended, and takes it away.
async fn wait_for(pid: u32) -> Option<i32> {
    if let Ok(ready) = process::pidfd(pid).and_then(AsyncFd::new) {
        let _ = ready.readable().await;
        return process::reap(pid);
    }
    loop {
        if let Some(status) = process::reap(pid) {
            return Some(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The parent has died. Its jobs are our children now (`PR_SET_CHILD_SUBREAPER`): their clients hear from us.
fn adopt_jobs(group: &Group) {
    for (pid, channel) in group.jobs.borrow_mut().drain() {
        tokio::task::spawn_local(async move {
            let watched = Socket::new(channel);
            let Ok(channel) = watched else { return };
            tokio::select! {
                status = wait_for(pid) => {
                    let packet = Packet::Ended { pid, status: status.unwrap_or(0) };
                    let _ = channel.send_packet(packet, None);
                }
                // Nothing is ever received on a job channel after "go" but its end.
                _ = channel.packet() => {
                    signals::send(-pid.cast_signed(), signals::SIGHUP);
                    signals::send(-pid.cast_signed(), signals::SIGCONT);
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    signals::send(-pid.cast_signed(), SIGKILL);
                    wait_for(pid).await;
                }
            }
        });
    }
}

/// Tells a spare's parent that it has a job now, and hands it the job.
pub(super) async fn dispatch(group: &Group, spare: Spare, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
    let channel = descriptors.first().ok_or_else(|| io::Error::other("no job channel"))?;
    spare.parent.send_packet(Packet::Watch { pid: spare.pid }, Some(channel.as_fd()))?;
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    spare.stream.send(bytes, &borrowed).await?;
    group.jobs.borrow_mut().insert(spare.pid, channel.try_clone()?);
    group.served.set(group.served.get() + 1);
    Ok(())
}
