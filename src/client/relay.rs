//! While the program runs: signals to it, its status back.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::handover::{RunningJob, receive_packet};
use super::{Attempt, direct};
use crate::exit;
use crate::protocol::Packet;
use crate::sys::process::Ending;
use crate::sys::signals::{
    self, Arrival, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH, SignalStream,
};

/// Signals that belong to the program rather than to its client.
const RELAYED: [i32; 9] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH];

/// Those of them that a session's process survives.
const KEPT_ALIVE: [i32; 4] = [SIGINT, SIGTSTP, SIGCONT, SIGWINCH];

/// What a program's handler is given before what has stopped it is taken back.
const HANDLING: Duration = Duration::from_millis(10);

/// Relays signals until the job has ended; returns its exit status, or dies by its signal.
pub(super) fn until_it_ends(job: &RunningJob, attempt: &Attempt) -> i32 {
    let relayed = relayed_signals(attempt);
    let Ok(arrivals) = SignalStream::new(&held(attempt)) else { return wait_without_relay(job, attempt) };
    loop {
        let mut polled = [
            PollFd::new(&job.channel, PollFlags::IN),
            PollFd::from_borrowed_fd(arrivals.as_descriptor().as_fd(), PollFlags::IN),
        ];
        if poll(&mut polled, None).is_err() {
            continue;
        }
        let channel_speaks = !polled[0].revents().is_empty();
        let mut job_is_stopped = false;
        while let Some(arrival) = arrivals.next() {
            if !relayed.contains(&arrival.signal) {
                attempt.trace.ended();
                signals::die_by(arrival.signal);
            }
            forward(job, arrival);
            match arrival.signal {
                SIGTSTP => {
                    job_is_stopped = true;
                    signals::stop_here();
                }
                SIGCONT => job_is_stopped = false,
                _ => {}
            }
        }
        if job_is_stopped {
            go_on_as_well(job);
        }
        if channel_speaks {
            return end_like(receive_packet(&job.channel), attempt);
        }
    }
}

/// From here on signals wait for [`until_it_ends`]: none may hit the client alone once the program runs.
pub(super) fn hold_signals(attempt: &Attempt) {
    signals::block(&held(attempt));
}

/// A launch that is traced has its line also where a signal ends its client.
fn held(attempt: &Attempt) -> Vec<i32> {
    if attempt.trace.is_wanted() { held_signals(attempt) } else { relayed_signals(attempt) }
}

/// Those that are relayed, and those that would end this process and can be held.
pub(super) fn held_signals(attempt: &Attempt) -> Vec<i32> {
    let ignored = |signal: i32| attempt.inherited.ignored & (1 << (signal - 1)) != 0;
    let others = signals::ENDING.into_iter().filter(|signal| !ignored(*signal));
    relayed_signals(attempt).into_iter().chain(others).collect()
}

/// A hang-up that the user has chosen to ignore (`nohup`) stays ignored.
pub(super) fn relayed_signals(attempt: &Attempt) -> Vec<i32> {
    let ignored = |signal: i32| attempt.inherited.ignored & (1 << (signal - 1)) != 0;
    // Julia takes these by sigwait, which ignores that they are ignored (signals-unix.c, `signal_listener`).
    let julias = [SIGINT, SIGTERM, SIGQUIT, SIGUSR1];
    // What would end a program would end the whole session: it ends the client, and with it the launch.
    let ours = |signal: &i32| attempt.kept.is_none() || KEPT_ALIVE.contains(signal);
    RELAYED.into_iter().filter(ours).filter(|signal| julias.contains(signal) || !ignored(*signal)).collect()
}

/// Nothing has continued this process, so it was not stopped: its process group is orphaned, as that of a command without a shell
/// in its session is, and there the kernel stops nothing for a terminal (setpgid(2), POSIX's "orphaned process group").
fn go_on_as_well(job: &RunningJob) {
    // What handles the signal does so first: this one takes it away where it is still waiting.
    std::thread::sleep(HANDLING);
    forward(job, Arrival { signal: SIGCONT, from_kernel: false });
}

/// What a terminal sends goes to the whole process group, as it would have; what a process sends goes to the program.
pub(super) fn forward(job: &RunningJob, arrival: Arrival) {
    let Ok(pid) = i32::try_from(job.pid) else { return };
    let whole_group = arrival.from_kernel || matches!(arrival.signal, SIGTSTP | SIGCONT | SIGWINCH | SIGHUP);
    signals::send(if whole_group { -pid } else { pid }, arrival.signal);
}

/// No signal stream could be made: the program runs on, signals then act on the client alone.
fn wait_without_relay(job: &RunningJob, attempt: &Attempt) -> i32 {
    signals::unblock(&held(attempt));
    end_like(receive_packet(&job.channel), attempt)
}

pub(super) fn end_like(last: Option<Packet>, attempt: &Attempt) -> i32 {
    attempt.trace.ended();
    let Some(Packet::Ended { status, .. }) = last else {
        direct::complain("the worker was lost, and with it the program; see `jlapp daemon logs`");
        return exit::NOT_SERVED;
    };
    match Ending::from_status(status) {
        Ending::Exited(code) => code,
        Ending::Killed(signal) => {
            signals::die_by(signal);
            exit::SIGNAL_BASE + signal
        }
    }
}
