//! Parents of jobs: booting them, hearing what they say, and taking over when one dies.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::branch;
use super::group::{Group, Phase, RunningJob, Spare};
use super::io::watch;
use super::keeper;
use super::kept;
use super::key::Key;
use super::pool::{First, Pool};
use super::socket_io::Socket;
use super::succession;
use crate::julia::Version;
use crate::protocol::Packet;
use crate::sys::children;
use crate::sys::signals::{self, SIGKILL};
use crate::worker::{self, Isolation, Started};

/// A worker that is not ready by then will not be.
pub(super) const BOOT_TIMEOUT: Duration = Duration::from_secs(180);

/// A probe's number when none failed and time ran out (`TOO_SLOW` in `worker/julia/rehearse.jl`).
const TOO_SLOW: i32 = -2;

/// As long as a program that runs as plain Julia is left alone with the machine.
const COURTESY: Duration = Duration::from_millis(400);

/// As long as most launches of small programs take.
const BREATH: Duration = Duration::from_millis(5);

/// Starts the workers of a group once its first launch does not mind.
pub(super) fn boot_after(pool: &Rc<Pool>, group: &Rc<Group>, first: First) {
    let First::RunsPlain(pid) = first else { return boot(pool, group) };
    let (pool, group) = (pool.clone(), group.clone());
    tokio::task::spawn_local(async move {
        if let Ok(ended) = children::pidfd(pid).and_then(watch) {
            let _ = tokio::time::timeout(COURTESY, ended.readable()).await;
        }
        if !group.is_retired.get() {
            boot(&pool, &group);
        }
    });
}

/// Starts the workers of a group, in the background.
fn boot(pool: &Rc<Pool>, group: &Rc<Group>) {
    let started = pool.log.file().and_then(|log| match group.key.isolation {
        Isolation::Fork => worker::start(&group.key.plan(), &log, None),
        _ => keeper::start(&group.key.plan(), &log),
    });
    match started {
        Ok(started) => {
            group.coming.set(group.coming.get() + usize::from(group.key.isolation != Isolation::Fork));
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
        _ => {
            for _ in 0..group.shortage() {
                boot(pool, group);
            }
        }
    }
}

/// Makes what a group is short of once the launch that has just been given a worker has got going: a fork beside it would
/// have to share the machine with it. At once where no spare is left for the next.
pub(super) fn replenish_soon(pool: &Rc<Pool>, group: &Rc<Group>) {
    if group.key.isolation != Isolation::Fork || group.spares.borrow().is_empty() {
        return replenish(pool, group);
    }
    let (pool, group) = (pool.clone(), group.clone());
    tokio::task::spawn_local(async move {
        tokio::time::sleep(BREATH).await;
        replenish(&pool, &group);
    });
}

async fn attend(pool: Rc<Pool>, group: Rc<Group>, started: Started) {
    let Ok(control) = Socket::new(started.control).map(Rc::new) else { return group.fail() };
    if group.key.isolation == Isolation::Fork {
        *group.zygote.borrow_mut() = Some((started.pid, control.clone()));
    }
    follow(pool, group, started.pid, control).await;
}

/// Everything that one parent says until it ends.
pub(super) async fn follow(pool: Rc<Pool>, group: Rc<Group>, parent: u32, control: Rc<Socket>) {
    let outcome = tokio::select! {
        outcome = listen(&pool, &group, &control) => outcome,
        () = group.retired.notified() => Ok(()),
        () = replaced(&group, &control) => Ok(()),
        () = too_long(&group) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    if let Err(error) = outcome {
        pool.log.line(&format!("worker {parent} of {}: {error}", group.key.julia.path.display()));
        // Only where it never became ready: a parent that serves is left to its jobs.
        if group.phase.get() == Phase::Booting {
            signals::send(-parent.cast_signed(), SIGKILL);
        }
    }
    let lost = !group.is_retired.get();
    if lost && !group.is_replaced(&control) {
        lose(&pool, &group, &control);
    }
    // Their channels and nothing else: a parent serves for as long as anybody here has the other end of its control socket.
    let jobs: Vec<(u32, OwnedFd)> = {
        let mut jobs = group.jobs.borrow_mut();
        jobs.extract_if(|_, job| Rc::ptr_eq(&job.parent, &control)).map(|(pid, job)| (pid, job.channel)).collect()
    };
    drop(control);
    for (pid, _) in &jobs {
        pool.departed.add(*pid);
    }
    wait_for(parent).await;
    if lost {
        for (pid, channel) in jobs {
            tokio::task::spawn_local(adopt(pid, channel));
        }
    }
}

/// A parent has ended by itself. A zygote that served takes its group along, and the next launch boots another one.
fn lose(pool: &Rc<Pool>, group: &Rc<Group>, control: &Rc<Socket>) {
    let had_spare = {
        let mut spares = group.spares.borrow_mut();
        let before = spares.len();
        spares.retain(|spare| !Rc::ptr_eq(&spare.parent, control));
        spares.len() < before
    };
    let had_job = group.jobs.borrow().values().any(|job| Rc::ptr_eq(&job.parent, control));
    match (group.key.isolation, group.phase.get()) {
        (Isolation::Fork, Phase::Ready(_)) => {
            pool.log.line(&format!("the zygote of {} has ended", group.key.julia.path.display()));
            pool.remove(group);
        }
        (Isolation::Fork, _) => group.fail(),
        (_, _) if had_spare || had_job || group.served.get() > 0 => {}
        (_, _) => group.lose_fresh(),
    }
}

/// Returns when another zygote has taken this one's place and none of its jobs runs any more.
async fn replaced(group: &Group, control: &Rc<Socket>) {
    loop {
        let changed = group.changed.notified();
        let has_jobs = group.jobs.borrow().values().any(|job| Rc::ptr_eq(&job.parent, control));
        if group.is_replaced(control) && !has_jobs {
            return;
        }
        changed.await;
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
            (Packet::Booted { version }, _) => {
                become_ready(pool, group, version);
                succession::raise(pool, group);
            }
            (Packet::CannotFork { probe }, _) => {
                cannot_fork(pool, group, probe);
                return Ok(());
            }
            (Packet::Spare { pid }, Some(stream)) => take_spare(pool, group, control, pid, stream).await?,
            (Packet::Traced { pid }, Some(file)) => take_notes(pool, group, pid, file),
            (Packet::TimeToLive { seconds, .. }, _) => group.live_for(seconds),
            (Packet::Ended { pid, status }, _) => has_ended(pool, group, pid, status),
            _ => {}
        }
    }
    if group.phase.get() == Phase::Booting { Err(io::Error::other("ended before it was ready")) } else { Ok(()) }
}

/// A job makes room for a spare. A spare that ended by itself does not: the next might as well.
fn has_ended(pool: &Rc<Pool>, group: &Rc<Group>, pid: u32, status: i32) {
    if group.key.isolation == Isolation::Session {
        kept::report_end(group, pid, status);
    }
    let program = group.program_of(pid);
    if group.forget(pid) {
        replenish(pool, group);
    }
    group.changed.notify_waiters();
    if let Some(program) = program {
        pool.warmth.consider(pool, &program);
    }
}

/// What a program had to compile is noted for its branch.
fn take_notes(pool: &Pool, group: &Group, pid: u32, file: OwnedFd) {
    if let Some(program) = group.program_of(pid) {
        pool.warmth.take_notes(&program, &branch::read_notes(file));
    }
}

fn become_ready(pool: &Rc<Pool>, group: &Rc<Group>, version: i32) {
    group.phase.set(Phase::Ready(version_of(version)));
    group.last_used.set(Instant::now());
    pool.log.line(&format!("{} is ready ({})", group.key.julia.path.display(), group.key.isolation.name()));
    replenish(pool, group);
}

/// `major << 16 | minor << 8 | patch`.
pub(super) fn version_of(packed: i32) -> Version {
    let part = |shift: i32| u32::try_from((packed >> shift) & 0xff).unwrap_or(0);
    (part(16), part(8))
}

/// Launches of this Julia are served by fresh processes from now on.
pub(super) fn cannot_fork(pool: &Rc<Pool>, group: &Group, probe: i32) {
    let why = match probe {
        TOO_SLOW if group.is_growing.get() => {
            return pool.log.line(&format!("no successor for {}: too slow", group.key.julia.path.display()));
        }
        TOO_SLOW => {
            pool.log.line(&format!("{} was too slow to be tried; again later", group.key.julia.path.display()));
            return group.fail();
        }
        -1 => "it has more threads than one, or no /proc/self/mem of its own".to_owned(),
        number => format!("rehearsal {number} failed in a forked child"),
    };
    pool.log.line(&format!("{} cannot be forked: {why}", group.key.julia.path.display()));
    pool.note_unforkable(&group.key.julia, &why);
    group.fail();
}

async fn take_spare(
    pool: &Rc<Pool>,
    group: &Rc<Group>,
    parent: &Rc<Socket>,
    pid: u32,
    stream: OwnedFd,
) -> io::Result<()> {
    let stream = Socket::new(stream)?;
    if group.key.isolation != Isolation::Fork {
        let Some((Packet::Booted { version }, _)) = stream.packet().await? else {
            return Err(io::Error::other("Julia ended before it was ready"));
        };
        group.add_spare(Spare { pid, stream, parent: parent.clone() });
        become_ready(pool, group, version);
    } else if !group.is_replaced(parent) {
        group.add_spare(Spare { pid, stream, parent: parent.clone() });
    }
    Ok(())
}

/// Waits until a child of ours has ended, and takes it away.
async fn wait_for(pid: u32) -> Option<i32> {
    if let Ok(ready) = children::pidfd(pid).and_then(watch) {
        let _ = ready.readable().await;
        return children::reap(pid);
    }
    loop {
        if let Some(status) = children::reap(pid) {
            return Some(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The parent of a job has died: the job is our child now (`PR_SET_CHILD_SUBREAPER`), and its client hears from us.
async fn adopt(pid: u32, channel: OwnedFd) {
    let Ok(channel) = Socket::new(channel) else { return };
    tokio::select! {
        status = wait_for(pid) => {
            let packet = Packet::Ended { pid, status: status.unwrap_or(0) };
            let _ = channel.send_packet(packet, &[]);
        }
        () = channel.hung_up() => end_abandoned(pid).await,
    }
}

/// What the end of a terminal would send, and later what nobody survives.
async fn end_abandoned(pid: u32) {
    // A job that has told its end is let go in peace, and with it what it has left running.
    if tokio::time::timeout(Duration::from_millis(300), wait_for(pid)).await.is_ok() {
        return;
    }
    signals::send(-pid.cast_signed(), signals::SIGHUP);
    signals::send(-pid.cast_signed(), signals::SIGCONT);
    if tokio::time::timeout(Duration::from_secs(5), wait_for(pid)).await.is_err() {
        signals::send(-pid.cast_signed(), SIGKILL);
        wait_for(pid).await;
    }
}

/// Hands a spare its job, and tells its parent.
pub(super) async fn dispatch(
    group: &Group,
    spare: Spare,
    bytes: &[u8],
    descriptors: &[OwnedFd],
    program: Option<&Key>,
    client: u32,
) -> io::Result<()> {
    let channel = descriptors.first().ok_or_else(|| io::Error::other("no job channel"))?;
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    spare.stream.send(bytes, &borrowed).await?;
    // Second, so that the spare need not share a processor with its parent just now. It cannot have ended yet.
    spare.parent.send_packet(Packet::Watch { pid: spare.pid }, &[channel.as_fd()])?;
    let (channel, program) = (channel.try_clone()?, program.cloned());
    let job = RunningJob { channel, parent: spare.parent, program, client, since: Instant::now() };
    group.jobs.borrow_mut().insert(spare.pid, job);
    group.served.set(group.served.get() + 1);
    Ok(())
}
