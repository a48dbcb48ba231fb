//! While a program runs that has a terminal of its own: bytes both ways between it and the user's, at typing speed.
//!
//! Signals and the end are relayed as for every program (`relay`). What the user's terminal would do by itself (echo, Ctrl-C,
//! Ctrl-Z) the program's does: the user's passes every byte as it is.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::handover::{RunningJob, receive_packet};
use super::terminal::Terminal;
use super::{Attempt, relay};
use crate::protocol::Packet;
use crate::sys::signals::{self, Arrival, SIGCONT, SIGWINCH, SignalStream};

/// As much is read of either side before it has been written to the other.
const MOST_WAITING: usize = 64 << 10;
/// How often a client that was sent to the background looks whether it is back.
const GLANCE: Duration = Duration::from_millis(200);
/// How long output that may still come is waited for once the program has ended: what it has left running may hold
/// its terminal for ever.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A terminal that takes nothing for so long is not waited for.
const SLOW_TERMINAL: Duration = Duration::from_secs(5);

/// A program's terminal beside the user's.
struct Typing<'a> {
    job: &'a RunningJob,
    user: Terminal,
    /// `None`: one of both has gone.
    leader: Option<OwnedFd>,
    typed: Vec<u8>,
    shown: Vec<u8>,
    relayed: Vec<i32>,
}

/// Relays until the job has ended; returns its exit status, or dies by its signal. The terminal is as it was then.
pub(super) fn until_it_ends(job: &RunningJob, user: Terminal, leader: OwnedFd, attempt: &Attempt) -> i32 {
    // Nothing of either side must hold the other one up.
    let _ = rustix::io::ioctl_fionbio(&leader, true);
    let relayed = relay::relayed_signals(attempt);
    let arrivals = SignalStream::new(&relay::held_signals(attempt));
    let mut typing = Typing { job, user, leader: Some(leader), typed: Vec::new(), shown: Vec::new(), relayed };
    typing.user.take();
    let last = match arrivals {
        Ok(arrivals) => typing.relay(&arrivals),
        Err(_) => receive_packet(&job.channel),
    };
    typing.finish();
    drop(typing);
    relay::end_like(last, attempt)
}

/// From here on signals wait for [`until_it_ends`]: none may leave the terminal as it is while a program has it.
pub(super) fn hold_signals(attempt: &Attempt) {
    signals::block(&relay::held_signals(attempt));
}

impl Typing<'_> {
    fn relay(&mut self, arrivals: &SignalStream) -> Option<Packet> {
        loop {
            let channel_speaks = self.wait(arrivals);
            self.read_typed();
            // Behind that: the signal of a resize is here before what is typed after it.
            while let Some(arrival) = arrivals.next() {
                self.take_signal(arrival);
            }
            self.pass();
            if !channel_speaks {
                continue;
            }
            match receive_packet(&self.job.channel) {
                Some(Packet::Stopped { .. }) => self.stop(),
                last => return last,
            }
        }
    }

    /// Waits until something can be done: whether the job's channel speaks.
    fn wait(&self, arrivals: &SignalStream) -> bool {
        let wants = |reads: bool, writes: bool| {
            let reads = if reads { PollFlags::IN } else { PollFlags::empty() };
            if writes { reads | PollFlags::OUT } else { reads }
        };
        let mut polled = vec![
            PollFd::new(&self.job.channel, PollFlags::IN),
            PollFd::from_borrowed_fd(arrivals.as_descriptor().as_fd(), PollFlags::IN),
        ];
        let reads = self.user.is_taken() && self.leader.is_some() && self.typed.len() < MOST_WAITING;
        if reads || !self.shown.is_empty() {
            polled.push(PollFd::new(&self.user.file, wants(reads, !self.shown.is_empty())));
        }
        if let Some(leader) = &self.leader {
            polled.push(PollFd::new(leader, wants(self.shown.len() < MOST_WAITING, !self.typed.is_empty())));
        }
        let glance = Timespec::try_from(GLANCE).ok().filter(|_| !self.user.is_taken() && self.leader.is_some());
        poll(&mut polled, glance.as_ref()).is_ok() && !polled[0].revents().is_empty()
    }

    fn read_typed(&mut self) {
        self.user.take();
        if self.user.is_taken() && self.leader.is_some() && !fill(&mut self.typed, |room| (&self.user.file).read(room))
        {
            self.lose_user();
        }
    }

    /// Passes on what can be, in both directions.
    fn pass(&mut self) {
        if let Some(leader) = &self.leader {
            let _ = empty(&mut self.typed, |bytes| Ok(rustix::io::write(leader, bytes)?));
            if !fill(&mut self.shown, |room| Ok(rustix::io::read(leader, room)?)) {
                self.leader = None;
            }
        }
        if !empty(&mut self.shown, |bytes| (&self.user.file).write(bytes)) {
            self.lose_user();
        }
    }

    /// To the program this is its own terminal's hang-up.
    fn lose_user(&mut self) {
        self.leader = None;
        self.shown.clear();
    }

    fn take_signal(&mut self, arrival: Arrival) {
        match arrival.signal {
            SIGWINCH => self.size(),
            SIGCONT => self.go_on(),
            signal if !self.relayed.contains(&signal) => {
                self.user.give_back();
                signals::die_by(signal);
            }
            // SIGTSTP too: the job's own stop is what stops this process.
            _ => relay::forward(self.job, arrival),
        }
    }

    fn size(&self) {
        if let Some(leader) = &self.leader {
            self.user.size(leader);
        }
    }

    /// The program has been stopped, by Ctrl-Z mostly: so is this process, and its shell goes on.
    fn stop(&mut self) {
        self.user.give_back();
        signals::stop_here();
        self.go_on();
    }

    fn go_on(&mut self) {
        self.user.take();
        self.size();
        relay::forward(self.job, Arrival { signal: SIGCONT, from_kernel: false });
    }

    /// Shows what the program has written last.
    fn finish(&mut self) {
        while self.leader.is_some() || !self.shown.is_empty() {
            let (waited_for, limit) = match &self.leader {
                Some(leader) if self.shown.is_empty() => (PollFd::new(leader, PollFlags::IN), LAST_WORDS),
                _ => (PollFd::new(&self.user.file, PollFlags::OUT), SLOW_TERMINAL),
            };
            if poll(&mut [waited_for], Timespec::try_from(limit).ok().as_ref()) != Ok(1) {
                return;
            }
            self.typed.clear();
            self.pass();
        }
    }
}

/// Reads what is there; whether more may come.
fn fill(waiting: &mut Vec<u8>, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> bool {
    let mut room = [0; 16 << 10];
    if waiting.len() >= MOST_WAITING {
        return true;
    }
    match read(&mut room) {
        Ok(0) => false,
        Ok(count) => {
            waiting.extend_from_slice(&room[..count]);
            true
        }
        Err(error) => is_passing(&error),
    }
}

/// Writes what can be; whether more may be.
fn empty(waiting: &mut Vec<u8>, write: impl Fn(&[u8]) -> io::Result<usize>) -> bool {
    while !waiting.is_empty() {
        match write(waiting) {
            Ok(count) => drop(waiting.drain(..count)),
            Err(error) => return is_passing(&error),
        }
    }
    true
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
