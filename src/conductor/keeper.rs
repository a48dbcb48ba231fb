//! The parent of one fresh worker: a small process that knows how its job ends, whatever becomes of the conductor.
//!
//! What a zygote is for its children, a keeper is for its one Julia, and it speaks the same packets.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::protocol::{PACKET_BYTES, Packet};
use crate::sys::process::{self, Command};
use crate::sys::signals::{self, SIGCHLD, SIGCONT, SIGHUP, SIGKILL, SignalStream};
use crate::sys::terminal::Pair;
use crate::sys::{children, descriptors, passing};
use crate::worker::{self, Isolation, Plan, Started};

/// How long a job may take to end after its client has gone.
const GRACE: Duration = Duration::from_secs(5);

/// The client of a job that has told its end may be gone before the job is.
const LEAVING: Duration = Duration::from_millis(300);

/// Starts a keeper for `plan`; its control socket carries the same packets as a zygote's.
pub(super) fn start(plan: &Plan, log: &File) -> io::Result<Started> {
    let (ours, theirs) = passing::packet_pair()?;
    let null = OwnedFd::from(OpenOptions::new().read(true).write(true).open("/dev/null")?);
    let log = || log.try_clone().map(OwnedFd::from);
    let kind = match plan.isolation {
        Isolation::Repl => Some("--terminal"),
        Isolation::Session => Some("--session"),
        Isolation::Fork | Isolation::Fresh => None,
    };
    let words = ["keep"].into_iter().chain(kind).map(OsString::from).chain([plan.julia.clone().into_os_string()]);
    let pid = process::spawn(&Command {
        program: std::env::current_exe()?,
        arguments: words.chain(plan.switches.iter().cloned()).collect(),
        environment: plan.environment.iter().map(|entry| OsString::from_vec(entry.clone())).collect(),
        descriptors: vec![null, log()?, log()?, theirs],
        occupied_below: 0,
        own_session: true,
    })?;
    Ok(Started { pid, control: ours })
}

/// Runs as keeper: boots `julia` with `switches` in this process's environment, and sees it through one job. For a REPL
/// the job has a terminal of its own, whose session this process leads as a shell would. A session's launches it knows
/// nothing of.
///
/// # Errors
/// It was not started by a conductor, or Julia or a terminal could not be had.
pub fn keep(julia: &OsStr, switches: Vec<OsString>, isolation: Isolation) -> io::Result<()> {
    let control = descriptors::adopt(3)?;
    let log = File::from(descriptors::borrow(2).try_clone_to_owned()?);
    let plan = Plan { julia: julia.into(), switches, environment: process::environment_block(), isolation };
    let (worker, stops) = if isolation == Isolation::Repl {
        let (worker, stops) = start_on_terminal(&plan, &log)?;
        (worker, Some(stops))
    } else {
        (worker::start(&plan, &log, None)?, None)
    };
    let spare = Packet::Spare { pid: worker.pid }.encode();
    passing::send_all(&control, &spare, &[worker.control.as_fd()])?;
    drop(worker.control);
    Keeper {
        pid: worker.pid,
        ended: children::pidfd(worker.pid)?,
        control: Some(control),
        channel: None,
        hung_up: None,
        stops,
    }
    .watch();
    Ok(())
}

/// Starts Julia in the foreground of a terminal of its own, and hears of it when it is stopped. A terminal that hangs up
/// is no reason to end before the job has.
fn start_on_terminal(plan: &Plan, log: &File) -> io::Result<(Started, SignalStream)> {
    signals::block(&[SIGHUP, SIGCHLD]);
    let stops = SignalStream::new(&[SIGCHLD])?;
    let terminal = Pair::open()?;
    terminal.control_session()?;
    // Julia is not in the foreground yet: nothing is typed before it has a job.
    let (leader, follower) = (terminal.leader.try_clone()?, terminal.follower.try_clone()?);
    let worker = worker::start(plan, log, Some(Pair { leader, follower }))?;
    terminal.put_in_foreground(worker.pid)?;
    Ok((worker, stops))
}

struct Keeper {
    pid: u32,
    /// Readable when Julia has ended.
    ended: OwnedFd,
    /// `None`: the conductor has gone.
    control: Option<OwnedFd>,
    /// `None`: it has no job yet.
    channel: Option<OwnedFd>,
    /// When the client went away.
    hung_up: Option<Instant>,
    /// Readable when Julia has been stopped; only where it has a terminal of its own.
    stops: Option<SignalStream>,
}

impl Keeper {
    fn watch(mut self) {
        loop {
            let (ended, spoken, hung_up) = self.wait();
            if spoken {
                self.obey();
            }
            if ended {
                self.report();
                return self.outlive_client();
            }
            self.report_stop();
            if hung_up || self.hung_up.is_some() {
                self.end_job();
            }
        }
    }

    /// Whether Julia has ended, the conductor speaks, and the client has gone.
    fn wait(&self) -> (bool, bool, bool) {
        let tick = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        let mut polled = vec![PollFd::new(&self.ended, PollFlags::IN)];
        polled.extend(self.control.iter().map(|control| PollFd::new(control, PollFlags::IN)));
        let channel = self.channel.iter().filter(|_| self.hung_up.is_none());
        polled.extend(channel.map(|channel| PollFd::new(channel, PollFlags::empty())));
        polled.extend(self.stops.iter().map(|stops| PollFd::new(stops.as_descriptor(), PollFlags::IN)));
        if poll(&mut polled, self.hung_up.map(|_| &tick)).is_err() {
            return (false, false, false);
        }
        let happened: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let spoken = self.control.is_some() && happened[1];
        let at = 1 + usize::from(self.control.is_some());
        let hung_up = self.channel.is_some() && self.hung_up.is_none() && happened[at];
        (happened[0], spoken, hung_up)
    }

    /// The client stops with the job, and its shell goes on.
    fn report_stop(&self) {
        let Some(stops) = &self.stops else { return };
        while stops.next().is_some() {}
        let (Some(signal), Some(channel)) = (children::stopped_by(self.pid), &self.channel) else { return };
        let _ = passing::send_all(channel, &Packet::Stopped { pid: self.pid, signal }.encode(), &[]);
    }

    /// The end of a session's leader hangs its terminal up, with what the client has not read yet.
    fn outlive_client(&self) {
        let Some(channel) = self.channel.as_ref().filter(|_| self.stops.is_some()) else { return };
        let mut polled = [PollFd::new(channel, PollFlags::empty())];
        while poll(&mut polled, None) == Err(rustix::io::Errno::INTR) {}
    }

    fn obey(&mut self) {
        let Some(control) = &self.control else { return };
        let (mut bytes, mut came) = ([0; PACKET_BYTES], Vec::new());
        match passing::receive(control, &mut bytes, &mut came) {
            Ok(count) if count > 0 => {
                if let Ok(Packet::Watch { .. }) = Packet::decode(&bytes[..count]) {
                    self.channel = came.into_iter().next();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => self.control = None,
        }
    }

    fn report(&mut self) {
        let status = children::reap(self.pid).unwrap_or(0);
        let packet = Packet::Ended { pid: self.pid, status }.encode();
        for socket in [&self.channel, &self.control].into_iter().flatten() {
            // Either may have gone; the other one still wants to know.
            let _ = passing::send_all(socket, &packet, &[]);
        }
    }

    /// What the end of a terminal would send, and later what nobody survives.
    fn end_job(&mut self) {
        let group = -self.pid.cast_signed();
        let since = self.hung_up.get_or_insert_with(Instant::now).elapsed();
        if since > GRACE {
            signals::send(group, SIGKILL);
        } else if since > LEAVING {
            signals::send(group, SIGHUP);
            signals::send(group, SIGCONT);
        }
    }
}
