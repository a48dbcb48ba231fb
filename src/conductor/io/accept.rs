//! Accepting connections by readiness, with either backend.
//!
//! Not by the ring: tokio-uring 0.5 sets `SO_REUSEPORT` on the Unix sockets that it listens with, which Linux refuses
//! from 6.13 on, and it takes no listening socket from outside.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use tokio::io::unix::AsyncFd;

/// A listening socket.
pub(in crate::conductor) struct Acceptor(AsyncFd<UnixListener>);

impl Acceptor {
    /// Listens at a path where nothing is.
    pub(in crate::conductor) fn bind(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Self::listening(listener)
    }

    /// One that listens already, and does not block.
    pub(in crate::conductor) fn listening(listener: UnixListener) -> io::Result<Self> {
        Ok(Self(super::watch(listener)?))
    }

    pub(in crate::conductor) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(result) = ready.try_io(|listener| listener.get_ref().accept()) {
                return result.map(|(stream, _)| stream);
            }
        }
    }
}
