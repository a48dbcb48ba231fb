//! Bytes and descriptors over Unix sockets (unix(7), `SCM_RIGHTS`).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

use super::call::{checked, system_call};

/// As many descriptors as one message can carry, plus room for the kernel's credentials.
const CONTROL_BYTES: usize = rustix::cmsg_space!(ScmRights(253), ScmCredentials(1));

/// A connected pair of sockets that keep packets apart and are not inherited by programs.
pub fn packet_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// A connected pair of stream sockets that are not inherited by programs.
pub fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// Process and user at the other end of a connection (`SO_PEERCRED`, unix(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// 0 when the process is not visible from this process's pid namespace.
    pub pid: u32,
    pub uid: u32,
}

/// Asks the kernel who is at the other end.
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    let number = |value: i32| value.unsigned_abs() as usize;
    let (found_at, size_at) = ((&raw mut found).expose_provenance(), (&raw mut size).expose_provenance());
    let socket = number(socket.as_fd().as_raw_fd());
    let arguments = [socket, number(libc::SOL_SOCKET), number(libc::SO_PEERCRED), found_at, size_at];
    // SAFETY: the buffer has the size that is passed along, and both outlive the call.
    checked(unsafe { system_call(libc::SYS_getsockopt, arguments) })?;
    Ok(Peer { pid: found.pid.unsigned_abs(), uid: found.uid })
}

/// Sends as much of `bytes` as fits now, with all of `descriptors` on the first byte, and says how much that was.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more descriptors than a message can carry"));
    }
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(sent)
}

/// Sends all of `bytes` over a blocking socket.
pub fn send_all(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        let attached = if sent == 0 { descriptors } else { &[] };
        match send(socket.as_fd(), &bytes[sent..], attached) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Receives what is there, at most `bytes.len()`, and appends the descriptors that came with it. 0 means that the peer
/// has closed.
///
/// # Errors
/// More descriptors came than a message may carry: those are closed.
pub fn receive(socket: impl AsFd, bytes: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let answer = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if answer.flags.contains(rustix::net::ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "descriptors were lost on the way"));
    }
    Ok(answer.bytes)
}
