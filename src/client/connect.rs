//! A connection to the conductor of this user, started if there is none.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Reason, autostart, socket};
use crate::protocol::{HEADER_BYTES, Header, Kind, frame};
use crate::sys::passing;

/// How long a client waits for a conductor that it has started to listen.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// A connected conductor, whose user is known to be ours.
pub struct Connection {
    pub stream: UnixStream,
}

impl Connection {
    /// Connects to a running conductor.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused`: none is running. Others say what is wrong with the socket.
    pub fn to_running() -> io::Result<Self> {
        let path = socket::path();
        let stream = UnixStream::connect(&path)?;
        if peer_uid(&stream)? != rustix::process::geteuid().as_raw() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the socket belongs to another user's process",
            ));
        }
        Ok(Self { stream })
    }

    /// Connects, starting a conductor if none is running.
    pub(super) fn to_any() -> Result<Self, Reason> {
        match Self::to_running() {
            Ok(connection) => Ok(connection),
            Err(error) if nobody_listens(&error) => Self::to_started(),
            Err(error) => Err(Reason::Socket(error.to_string())),
        }
    }

    /// Starts a conductor and connects to it, or to one that somebody else has started meanwhile.
    pub(super) fn to_started() -> Result<Self, Reason> {
        let path: PathBuf = socket::path();
        socket::prepare_folder(&path).map_err(|error| Reason::Socket(error.to_string()))?;
        autostart::start(&path).map_err(|_| Reason::NoConductor)?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match Self::to_running() {
                Ok(connection) => return Ok(connection),
                Err(error) if !nobody_listens(&error) => return Err(Reason::Socket(error.to_string())),
                Err(_) if Instant::now() > deadline => return Err(Reason::NoConductor),
                Err(_) => std::thread::sleep(Duration::from_micros(300)),
            }
        }
    }
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// Reads a frame; `None` when the peer has closed before one began.
pub(super) fn read_frame(mut stream: &UnixStream) -> io::Result<Option<(Header, Vec<u8>)>> {
    let mut bytes = [0; HEADER_BYTES];
    match stream.read(&mut bytes)? {
        0 => return Ok(None),
        got => stream.read_exact(&mut bytes[got..])?,
    }
    let header = Header::decode(&bytes).map_err(io::Error::other)?;
    let mut body = vec![0; header.body_bytes as usize];
    stream.read_exact(&mut body)?;
    Ok(Some((header, body)))
}

/// Asks a running conductor something and returns its answer, for commands like `jlapp daemon status`.
///
/// # Errors
/// As [`Connection::to_running`], or the conductor closed without an answer within ten seconds.
pub fn converse(kind: Kind) -> io::Result<(Kind, Vec<u8>)> {
    let stream = Connection::to_running()?.stream;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let bytes = frame(kind, &[]).map_err(io::Error::other)?;
    passing::send_all(stream.as_fd(), &bytes, &[])?;
    let answer = read_frame(&stream)?;
    let (header, body) = answer.ok_or_else(|| io::Error::other("the conductor closed without an answer"))?;
    Ok((header.kind().map_err(io::Error::other)?, body))
}
