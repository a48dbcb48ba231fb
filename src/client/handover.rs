//! Handing a launch over: the message, the wait for a worker, and "go".

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connect::read_frame;
use super::terminal::Terminal;
use super::{Attempt, Connection, Reason, Wanted, message, relay, typing};
use crate::protocol::{Header, Kind, Launch, PACKET_BYTES, Packet, Refusal, frame};
use crate::sys::{descriptors, passing};

/// How long a client waits for a worker that is there or about to be.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits where nothing but a worker will do: long enough to boot one on a loaded machine.
const PATIENCE_REQUIRED: Duration = Duration::from_secs(180);

/// A session's turn comes when the launches before it have ended.
const PATIENCE_FOR_SESSION: Duration = Duration::from_secs(30 * 24 * 3600);

/// A job that has been told to go.
pub(super) struct RunningJob {
    pub(super) pid: u32,
    pub(super) channel: OwnedFd,
    /// The leading side of the terminal that it has, where the user's is relayed.
    pub(super) leader: Option<OwnedFd>,
}

/// Finds a worker for the launch and starts the program in it.
///
/// # Errors
/// The reason why not. Then nothing of the program has run, and nothing will.
pub(super) fn hand_over(attempt: &Attempt, terminal: Option<&Terminal>) -> Result<RunningJob, Reason> {
    let (launch, numbers) = message::compose(attempt, terminal)?;
    let directory = descriptors::working_directory().map_err(|_| Reason::Descriptors)?;
    attempt.trace.step("parse");
    let mut connection = Connection::to_any()?;
    attempt.trace.step("connect");
    // A conductor that makes room for ours answers `Retired`: once it is gone we start ours and ask again, once.
    for last_try in [false, true] {
        let (ours, theirs) = passing::packet_pair().map_err(|_| Reason::Lost)?;
        send(&connection, &launch, &theirs, &directory, &numbers)?;
        drop(theirs);
        attempt.trace.step("send");
        match await_worker(attempt, &connection.stream, &ours)? {
            Answer::Ready(pid, leader) => return go(attempt, RunningJob { pid, channel: ours, leader }, terminal),
            Answer::Retired if !last_try => connection = Connection::to_started()?,
            Answer::Retired => return Err(Reason::OtherRelease),
        }
    }
    Err(Reason::OtherRelease)
}

fn send(
    connection: &Connection,
    launch: &Launch,
    channel: &OwnedFd,
    directory: &OwnedFd,
    numbers: &[i32],
) -> Result<(), Reason> {
    let bytes = frame(Kind::Launch, &launch.encode()).map_err(|_| Reason::Lost)?;
    let own = [channel.as_fd(), directory.as_fd()];
    let all: Vec<BorrowedFd<'_>> =
        own.into_iter().chain(numbers.iter().map(|number| descriptors::borrow(*number))).collect();
    // Too many descriptors in flight (ETOOMANYREFS) and a vanished conductor look alike here: run plain.
    passing::send_all(&connection.stream, &bytes, &all).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Reason::TooSlow,
        _ => Reason::Lost,
    })
}

fn patience(attempt: &Attempt) -> Duration {
    match attempt.wanted {
        _ if attempt.kept.is_some() => PATIENCE_FOR_SESSION,
        Wanted::Only => PATIENCE_REQUIRED,
        _ => PATIENCE,
    }
}

/// What a client hears first.
enum Answer {
    Ready(u32, Option<OwnedFd>),
    Retired,
}

/// Waits for the worker on the job channel, or for the conductor's "no" on the connection.
///
/// A conductor that hangs up without a word has handed the launch over, or is dead; the channel tells which.
fn await_worker(attempt: &Attempt, stream: &UnixStream, channel: &OwnedFd) -> Result<Answer, Reason> {
    let patience = patience(attempt);
    let deadline = Instant::now() + patience;
    let (mut channel, mut conductor) = (Some(channel), Some(stream));
    while channel.is_some() || conductor.is_some() {
        let mut polled: Vec<PollFd<'_>> = channel.iter().map(|channel| PollFd::new(channel, PollFlags::IN)).collect();
        polled.extend(conductor.iter().map(|stream| PollFd::new(stream, PollFlags::IN)));
        wait_until(&mut polled, deadline)?;
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        if let Some(open) = channel.filter(|_| ready[0]) {
            let mut came = Vec::new();
            match receive_with(open, &mut came) {
                Some(Packet::Ready { pid }) => {
                    attempt.trace.step("worker");
                    hear_account(attempt, conductor.filter(|_| ready.last() == Some(&true)));
                    return Ok(Answer::Ready(pid, came.pop()));
                }
                _ => channel = None,
            }
        } else if let Some(open) = conductor.filter(|_| ready.last() == Some(&true)) {
            match read_frame(open) {
                Ok(Some((header, body))) if header.kind() == Ok(Kind::Served) => attempt.trace.account(&body),
                Ok(Some((header, body))) => return refusal(&header, &body),
                _ => conductor = None,
            }
        }
    }
    Err(Reason::Lost)
}

/// What the conductor has said of a worker that speaks already.
fn hear_account(attempt: &Attempt, conductor: Option<&UnixStream>) {
    let Some(stream) = conductor.filter(|_| attempt.trace.is_wanted()) else { return };
    if let Ok(Some((header, body))) = read_frame(stream)
        && header.kind() == Ok(Kind::Served)
    {
        attempt.trace.account(&body);
    }
}

fn wait_until(polled: &mut [PollFd<'_>], deadline: Instant) -> Result<(), Reason> {
    let left = deadline.saturating_duration_since(Instant::now());
    match poll(polled, Timespec::try_from(left).ok().as_ref()) {
        Ok(0) => Err(Reason::TooSlow),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(_) => Err(Reason::Lost),
    }
}

fn refusal(header: &Header, body: &[u8]) -> Result<Answer, Reason> {
    match header.kind() {
        Ok(Kind::Direct) => Err(declined(body)),
        Ok(Kind::Retired) => Ok(Answer::Retired),
        _ => Err(Reason::OtherRelease),
    }
}

/// The conductor's refusal; one of another protocol sends its reason alone.
fn declined(body: &[u8]) -> Reason {
    let refusal = Refusal::decode(body).unwrap_or_else(|_| Refusal { reason: body.to_vec(), ..Refusal::default() });
    Reason::Conductor {
        reason: String::from_utf8_lossy(&refusal.reason).into_owned(),
        why: String::from_utf8_lossy(&refusal.why).into_owned(),
        command: refusal.command.into_iter().map(OsString::from_vec).collect(),
    }
}

/// Sends "go". From here on the program may have run.
fn go(attempt: &Attempt, job: RunningJob, terminal: Option<&Terminal>) -> Result<RunningJob, Reason> {
    if let Some(terminal) = terminal {
        let leader = job.leader.as_ref().ok_or(Reason::Lost)?;
        terminal.dress(leader).map_err(|_| Reason::Lost)?;
        typing::hold_signals(attempt);
    } else {
        relay::hold_signals(attempt);
    }
    // A packet that could not be sent was not received: the worker is gone and has run nothing.
    passing::send_all(&job.channel, &Packet::Go.encode(), &[]).map_err(|_| Reason::Lost)?;
    attempt.trace.served(job.pid);
    Ok(job)
}

/// The next packet of the job channel; `None` when the other side has closed or sent something else.
pub(super) fn receive_packet(channel: &OwnedFd) -> Option<Packet> {
    receive_with(channel, &mut Vec::new())
}

fn receive_with(channel: &OwnedFd, came: &mut Vec<OwnedFd>) -> Option<Packet> {
    let mut bytes = [0; PACKET_BYTES];
    loop {
        match passing::receive(channel, &mut bytes, came) {
            Ok(count) => return Packet::decode(&bytes[..count]).ok(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
