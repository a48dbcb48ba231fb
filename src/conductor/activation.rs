//! A listening socket that systemd hands on (sd_listen_fds(3)): number 3, for the process that `LISTEN_PID` names.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};

use crate::env;
use crate::sys::descriptors;

const FIRST: i32 = 3;

/// The socket that this process was started with; `None` where it was started otherwise.
///
/// # Errors
/// What was handed on does not listen at `path`.
pub(super) fn listener(path: &Path) -> io::Result<Option<UnixListener>> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    // Inherited by mistake from a parent that was meant.
    if number(env::LISTEN_PID) != Some(std::process::id()) {
        return Ok(None);
    }
    if number(env::LISTEN_FDS) != Some(1) {
        return Err(io::Error::other("not one socket was handed on, but none or several"));
    }
    let listener = checked(descriptors::adopt(FIRST)?)?;
    if listener.local_addr()?.as_pathname() != Some(path) {
        return Err(io::Error::other(format!("the socket that was handed on is not {}", path.display())));
    }
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

fn checked(socket: OwnedFd) -> io::Result<UnixListener> {
    let is_it = socket_domain(&socket)? == AddressFamily::UNIX
        && socket_type(&socket)? == SocketType::STREAM
        && socket_acceptconn(&socket)?;
    if is_it { Ok(socket.into()) } else { Err(io::Error::other("what was handed on is no listening stream socket")) }
}

/// Another conductor lives: whoever waits here is let go, and runs plain Julia. Else systemd would start us again and again.
pub(super) fn turn_away(listener: &UnixListener) {
    while listener.accept().is_ok() {}
}
