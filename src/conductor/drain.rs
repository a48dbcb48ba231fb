//! Ending without taking a program's conductor away: no launch is served any more, and the last program's end is waited for.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Conductor;
use super::pool::Pool;
use super::socket_io::Socket;
use crate::sys::children;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Counts for as long as it lives.
struct Draining<'a>(&'a Conductor);

impl<'a> Draining<'a> {
    fn new(conductor: &'a Conductor) -> Self {
        conductor.draining.set(conductor.draining.get() + 1);
        conductor.log.line("draining: launches run as plain Julia");
        Self(conductor)
    }
}

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        self.0.draining.set(self.0.draining.get() - 1);
    }
}

/// Returns when no program runs any more.
///
/// # Errors
/// Whoever asked has gone before: launches are served again.
pub(super) async fn drain(conductor: &Conductor, socket: &Socket) -> io::Result<()> {
    let draining = Draining::new(conductor);
    tokio::select! {
        () = socket.hung_up() => {
            drop(draining);
            conductor.log.line("not draining any more");
            Err(io::Error::other("it was not waited for the end of draining"))
        }
        () = no_program_runs(&conductor.pool) => Ok(()),
    }
}

async fn no_program_runs(pool: &Rc<Pool>) {
    while pool.running() > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Programs whose workers have been let go of, such as those of a Julia that was replaced.
#[derive(Default)]
pub(super) struct Departed(RefCell<Vec<OwnedFd>>);

impl Departed {
    pub(super) fn add(&self, pid: u32) {
        self.0.borrow_mut().extend(children::pidfd(pid));
        self.count();
    }

    /// Those that still run.
    pub(super) fn count(&self) -> usize {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let runs = |ended: &OwnedFd| poll(&mut [PollFd::new(ended, PollFlags::IN)], Some(&now)) == Ok(0);
        let mut all = self.0.borrow_mut();
        all.retain(runs);
        all.len()
    }
}
