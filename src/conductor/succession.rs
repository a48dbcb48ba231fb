//! A zygote's successor: forked when the zygote begins to serve, or a branch is launched in a loop, it does what takes long and then
//! takes its place.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use super::adoption::{self, BOOT_TIMEOUT};
use super::group::Group;
use super::pool::Pool;
use super::socket_io::Socket;
use crate::protocol::Packet;
use crate::sys::passing;
use crate::sys::signals::{self, SIGKILL};

/// The launch that waited for the zygote goes first.
const COURTESY: Duration = Duration::from_millis(100);

/// What is said of a branch that is launched in a loop.
const IN_A_LOOP: &str = "; launched in a loop: takes memory to be forked quickly";

/// Has the zygote of a group fork its successor, and waits for it in the background.
pub(super) fn raise(pool: &Rc<Pool>, group: &Rc<Group>) {
    let (pool, group) = (pool.clone(), group.clone());
    group.is_growing.set(true);
    tokio::task::spawn_local(async move {
        tokio::time::sleep(COURTESY).await;
        if let Some(control) = ask(&group) {
            attend(&pool, &group, control).await;
        }
        group.is_growing.set(false);
    });
}

/// Our end of the successor's control socket.
fn ask(group: &Group) -> Option<OwnedFd> {
    let zygote = group.zygote.borrow();
    let (_, control) = zygote.as_ref()?;
    let (ours, theirs) = passing::packet_pair().ok()?;
    control.send_packet(Packet::Succeed, &[theirs.as_fd()]).ok()?;
    Some(ours)
}

async fn attend(pool: &Rc<Pool>, group: &Rc<Group>, control: OwnedFd) {
    let Ok(control) = Socket::new(control).map(Rc::new) else { return };
    let mut pid = None;
    let growth = tokio::select! {
        growth = grown_up(&control, &mut pid) => growth,
        // It ends with the zygote, whose child it is.
        () = group.retired.notified() => return,
        () = tokio::time::sleep(BOOT_TIMEOUT) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    match (growth, pid) {
        (Ok(Growth::Ready(_)), Some(pid)) => take_over(pool, group, pid, control),
        (Ok(Growth::Refused(failed)), _) => adoption::cannot_fork(pool, group, failed),
        (growth, pid) => {
            let why = growth.err().map_or_else(|| "it did not say who it is".to_owned(), |error| error.to_string());
            pool.log.line(&format!("a successor was lost, {} goes on without: {why}", group.key.words()));
            if let Some(pid) = pid {
                signals::send(-pid.cast_signed(), SIGKILL);
            }
        }
    }
}

/// What became of a fork that was to be a zygote itself.
pub(super) enum Growth {
    /// It serves; Julia's version.
    Ready(i32),
    /// The number of what failed.
    Refused(i32),
}

/// Waits until it is ready or says that it will not be.
pub(super) async fn grown_up(control: &Socket, pid: &mut Option<u32>) -> io::Result<Growth> {
    while let Some((packet, _)) = control.packet().await? {
        match packet {
            Packet::Ready { pid: own } => *pid = Some(own),
            Packet::Booted { version } => return Ok(Growth::Ready(version)),
            Packet::CannotFork { probe } => return Ok(Growth::Refused(probe)),
            _ => {}
        }
    }
    Err(io::Error::other("it ended before it was ready"))
}

/// The zygote before it keeps its jobs, and ends with the last of them.
fn take_over(pool: &Rc<Pool>, group: &Rc<Group>, pid: u32, control: Rc<Socket>) {
    if group.is_retired.get() || group.zygote.borrow().is_none() {
        return;
    }
    *group.zygote.borrow_mut() = Some((pid, control.clone()));
    group.spares.borrow_mut().clear();
    group.coming.set(0);
    group.memory.set(None); // of the one before
    group.changed.notify_waiters();
    if group.is_large.get() {
        group.about.borrow_mut().push_str(IN_A_LOOP);
    }
    pool.log.line(&format!("the successor {pid} serves {}", group.key.words()));
    adoption::replenish(pool, group);
    tokio::task::spawn_local(adoption::follow(pool.clone(), group.clone(), pid, control));
}
