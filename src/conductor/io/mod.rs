//! What the conductor waits with: an io_uring, or epoll where a ring cannot be had for any reason.
//!
//! tokio-uring has no maintainer and cannot pass descriptors, so it is named nowhere else: it runs the loop and writes
//! files; sockets go by readiness with either.

mod accept;
mod append;

use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::env;

pub(super) use accept::Acceptor;
pub(super) use append::Appender;

/// The backend in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backend {
    Uring,
    Epoll,
}

impl Backend {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

/// Registers an owned descriptor with the event loop, which either backend's runtime has, for reading.
///
/// Not for writing as well: each message that a peer takes would wake the loop, for nobody.
pub(super) fn watch<T: AsRawFd>(owned: T) -> io::Result<AsyncFd<T>> {
    register(owned, Interest::READABLE)
}

/// Returns when a descriptor can be written to.
pub(super) async fn wait_until_writable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let watched = register(descriptor.try_clone_to_owned()?, Interest::WRITABLE)?;
    watched.writable().await.map(|_| ())
}

#[expect(deprecated, reason = "`register` is unsafe for types that may close early; an owned descriptor cannot")]
fn register<T: AsRawFd>(owned: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owned, interest)
}

/// Runs the conductor's one task, and all that it spawns, on this thread.
pub(super) fn run<F, R>(main: impl FnOnce(Backend) -> F) -> io::Result<R>
where
    F: Future<Output = io::Result<R>>,
{
    match choose() {
        Backend::Uring => tokio_uring::start(main(Backend::Uring)),
        Backend::Epoll => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, main(Backend::Epoll))
        }
    }
}

/// `JULIA_DAEMON_IO`, else a ring where one can be made.
fn choose() -> Backend {
    match std::env::var(env::IO).as_deref() {
        Ok("epoll") => Backend::Epoll,
        _ if ring_can_be_had() => Backend::Uring,
        _ => Backend::Epoll,
    }
}

/// Containers and hardened kernels refuse rings with several errors (EPERM, ENOSYS, ENOMEM, …); trying tells.
fn ring_can_be_had() -> bool {
    std::panic::catch_unwind(|| tokio_uring::builder().entries(8).start(async {})).is_ok()
}
