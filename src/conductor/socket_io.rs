//! Frames and packets over non-blocking sockets, by readiness: a ring would drop the descriptors that come along.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::unix::AsyncFd;

use super::io::{wait_until_writable, watch};
use crate::protocol::{HEADER_BYTES, Header, PACKET_BYTES, Packet};
use crate::sys::passing;

/// A socket registered with the event loop.
pub(super) struct Socket(AsyncFd<OwnedFd>);

/// A frame with what came along.
pub(super) struct Frame {
    pub(super) header: Header,
    pub(super) body: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
}

impl Socket {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Self(watch(socket)?))
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }

    async fn receive(&self, bytes: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|socket| passing::receive(socket.get_ref(), bytes, descriptors)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }

    async fn fill(&self, bytes: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<bool> {
        let mut have = 0;
        while have < bytes.len() {
            match self.receive(&mut bytes[have..], descriptors).await? {
                0 if have == 0 => return Ok(false),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => have += count,
            }
        }
        Ok(true)
    }

    /// The next frame; `None` when the peer has closed between frames.
    pub(super) async fn frame(&self) -> io::Result<Option<Frame>> {
        let mut descriptors = Vec::new();
        let mut bytes = [0; HEADER_BYTES];
        if !self.fill(&mut bytes, &mut descriptors).await? {
            return Ok(None);
        }
        let header = Header::decode(&bytes).map_err(io::Error::other)?;
        let mut body = vec![0; header.body_bytes as usize];
        if !body.is_empty() && !self.fill(&mut body, &mut descriptors).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Frame { header, body, descriptors }))
    }

    /// The next packet and the descriptor that came along; `None` when the peer has closed.
    pub(super) async fn packet(&self) -> io::Result<Option<(Packet, Option<OwnedFd>)>> {
        let mut descriptors = Vec::new();
        let mut bytes = [0; PACKET_BYTES];
        let count = self.receive(&mut bytes, &mut descriptors).await?;
        if count == 0 {
            return Ok(None);
        }
        let packet = Packet::decode(&bytes[..count]).map_err(io::Error::other)?;
        Ok(Some((packet, descriptors.into_iter().next())))
    }

    /// Waits until the peer has closed, taking nothing that others are to receive from this socket.
    pub(super) async fn hung_up(&self) {
        loop {
            let mut polled = [PollFd::new(self.0.get_ref(), PollFlags::empty())];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            let closed = poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::HUP);
            if closed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends all bytes, with the descriptors on the first of them.
    pub(super) async fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            let attached = if sent == 0 { descriptors } else { &[] };
            match passing::send(self.descriptor(), &bytes[sent..], attached) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait_until_writable(self.descriptor()).await?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends a packet at once or not at all: its receiver empties its queue or is dead.
    pub(super) fn send_packet(&self, packet: Packet, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        passing::send(self.descriptor(), &packet.encode(), descriptors).map(|_| ())
    }
}
