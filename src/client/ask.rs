//! What `jlapp daemon` asks a conductor that takes its time to answer.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::connect::read_frame;
use super::{Attempt, Connection, message, with_worker_arguments};
use crate::protocol::{Kind, Refusal, Warmed, frame};
use crate::sys::{descriptors, passing, signals};

/// A Julia boots, a branch is grown and perhaps grown again; each has a deadline of its own in the conductor.
const WARM_TIMEOUT: Duration = Duration::from_secs(600);

/// Has a running conductor serve no more launches; returns when its last program has ended and so has it. Whoever gives up
/// before takes it back.
///
/// # Errors
/// `TimedOut` after `patience`; or as [`Connection::to_running`].
pub fn drain(patience: Option<Duration>) -> io::Result<()> {
    let stream = Connection::to_running()?.stream;
    set_socket_timeout(&stream, Timeout::Recv, patience.map(|time| time.max(Duration::from_millis(1))))?;
    passing::send_all(stream.as_fd(), &frame(Kind::Drain, &[]).map_err(io::Error::other)?, &[])?;
    match read_frame(&stream) {
        Ok(Some((header, _))) if header.kind() == Ok(Kind::Stopped) => Ok(()),
        Ok(Some(_)) => Err(io::Error::other("the daemon is of another release; the next launch replaces it")),
        // It was stopped by somebody else.
        Ok(None) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::ErrorKind::TimedOut.into()),
        Err(error) => Err(error),
    }
}

/// Has the conductor, started if there is none, do ahead what a launch of this app or these arguments needs. Nothing runs.
///
/// # Errors
/// No conductor, or one that answered otherwise.
pub fn warm(channel: Option<OsString>, app: Option<OsString>, arguments: Vec<OsString>) -> io::Result<Warmed> {
    let arguments = if app.is_some() { arguments } else { with_worker_arguments(arguments) };
    let attempt = Attempt::new(signals::inherited(), channel, app, arguments);
    let mut connection = Connection::to_any().map_err(|reason| io::Error::other(reason.to_string()))?;
    for _ in 0..2 {
        set_socket_timeout(&connection.stream, Timeout::Recv, Some(WARM_TIMEOUT))?;
        ask_to_warm(&attempt, &connection)?;
        let answer = read_frame(&connection.stream)?;
        let (header, body) = answer.ok_or_else(|| io::Error::other("the conductor closed without an answer"))?;
        match header.kind() {
            Ok(Kind::Warmed) => return Warmed::decode(&body).map_err(io::Error::other),
            Ok(Kind::Direct) => return Ok(declined(&body)),
            // It has made room for one of our release.
            _ => connection = Connection::to_started().map_err(|reason| io::Error::other(reason.to_string()))?,
        }
    }
    Err(io::Error::other("the daemon is of another release"))
}

fn ask_to_warm(attempt: &Attempt, connection: &Connection) -> io::Result<()> {
    let (mut launch, _) = message::compose(attempt, None).map_err(|reason| io::Error::other(reason.to_string()))?;
    launch.descriptors.clear();
    let (directory, (channel, _other)) = (descriptors::working_directory()?, passing::packet_pair()?);
    let bytes = frame(Kind::Warm, &launch.encode()).map_err(io::Error::other)?;
    passing::send_all(connection.stream.as_fd(), &bytes, &[channel.as_fd(), directory.as_fd()])
}

fn declined(body: &[u8]) -> Warmed {
    let refusal = Refusal::decode(body).unwrap_or_default();
    let reason = String::from_utf8_lossy(&refusal.reason).into_owned();
    let about = format!("launches run as plain Julia, {reason}: {}", String::from_utf8_lossy(&refusal.why));
    Warmed { is_ready: false, about: about.into_bytes() }
}
