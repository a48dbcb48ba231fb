//! Appending to a file without the event loop waiting for the disk.

use std::fs::File;
use std::io::{self, Write};

use super::Backend;

/// A file opened for appending.
pub(in crate::conductor) enum Appender {
    Uring(tokio_uring::fs::File),
    Epoll(File),
}

impl Appender {
    pub(in crate::conductor) fn new(backend: Backend, file: File) -> Self {
        match backend {
            Backend::Uring => Self::Uring(tokio_uring::fs::File::from_std(file)),
            Backend::Epoll => Self::Epoll(file),
        }
    }

    /// Appends all bytes. The offset given to the ring is of no effect: the file is open for appending (pwrite(2), BUGS).
    pub(in crate::conductor) async fn append(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match self {
            Self::Uring(file) => file.write_all_at(bytes, 0).await.0,
            Self::Epoll(file) => file.write_all(&bytes),
        }
    }
}
