//! A connection to the conductor of this user, started if there is none.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Reason, autostart, socket};
use crate::protocol::{HEADER_BYTES, Header, Kind, frame};
use crate::sys::passing;

/// How long a client waits for a conductor that it has started to listen.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// After so long without one another conductor is started, then after twice as long, and so on: the first may have found the
/// lock of one that was about to end.
const START_AGAIN: Duration = Duration::from_millis(100);

/// How long a conductor may take to accept, read or answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

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
        let stream = connect_within(&socket::path(), ANSWER_TIMEOUT)?;
        if passing::peer(&stream)?.uid != rustix::process::geteuid().as_raw() {
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
            Err(error) => Err(unusable(&error)),
        }
    }

    /// Starts a conductor and connects to it, or to one that somebody else has started meanwhile.
    pub(super) fn to_started() -> Result<Self, Reason> {
        let path: PathBuf = socket::path();
        socket::prepare_folder(&path).map_err(|error| Reason::Socket(error.to_string()))?;
        // One that gave way to us may have been systemd's, which still listens and starts the next.
        if let Ok(connection) = Self::to_running() {
            return Ok(connection);
        }
        autostart::start(&path).map_err(|_| Reason::NoConductor)?;
        let started = Instant::now();
        let mut start_again = START_AGAIN;
        loop {
            match Self::to_running() {
                Ok(connection) => return Ok(connection),
                Err(error) if !nobody_listens(&error) => return Err(unusable(&error)),
                Err(_) if started.elapsed() > START_TIMEOUT => return Err(Reason::NoConductor),
                Err(_) if started.elapsed() > start_again => {
                    start_again *= 2;
                    autostart::start(&path).map_err(|_| Reason::NoConductor)?;
                }
                Err(_) => std::thread::sleep(Duration::from_micros(300)),
            }
        }
    }
}

/// Connects, and bounds every later wait: a conductor that is stopped or wedged must not hang its clients.
fn connect_within(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    for direction in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, direction, Some(timeout))?;
    }
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// A socket that cannot be connected to: its conductor does not accept, or it is none of ours.
fn unusable(error: &io::Error) -> Reason {
    if error.kind() == io::ErrorKind::WouldBlock { Reason::TooSlow } else { Reason::Socket(error.to_string()) }
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
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

/// What to do about a daemon that says nothing.
fn silent(pid: Option<u32>) -> io::Error {
    let (seconds, socket) = (ANSWER_TIMEOUT.as_secs(), socket::path());
    let way_out = pid.map(|pid| format!(", and `kill -9 {pid}` ends it; programs that run go on")).unwrap_or_default();
    let text = format!(
        "the daemon at {} has not answered for {seconds} seconds: `jlapp daemon logs` tells more{way_out}",
        socket.display()
    );
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Asks a running conductor something and returns its answer, for commands like `jlapp daemon status`.
///
/// # Errors
/// As [`Connection::to_running`], or the conductor is of another release, or (`TimedOut`) did not answer within four seconds.
pub fn converse(kind: Kind) -> io::Result<(Kind, Vec<u8>)> {
    let in_time = |pid: Option<u32>| {
        move |error: io::Error| if error.kind() == io::ErrorKind::WouldBlock { silent(pid) } else { error }
    };
    let stream = Connection::to_running().map_err(in_time(None))?.stream;
    // Of another pid namespace it is 0, and `kill 0` means whoever is asked.
    let pid = Some(passing::peer(&stream)?.pid).filter(|pid| *pid > 0);
    let bytes = frame(kind, &[]).map_err(io::Error::other)?;
    let answer = passing::send_all(stream.as_fd(), &bytes, &[]).and_then(|()| read_frame(&stream));
    let answer = answer.map_err(in_time(pid))?;
    let (header, body) = answer.ok_or_else(|| io::Error::other("the conductor closed without an answer"))?;
    match (kind, header.kind().map_err(io::Error::other)?) {
        (_, Kind::Direct) => Err(io::Error::other("the daemon is of another release; the next launch runs without it")),
        // One that gives way has ended as well.
        (Kind::Stop, Kind::Retired) => Ok((Kind::Stopped, body)),
        (_, answer) => Ok((answer, body)),
    }
}
