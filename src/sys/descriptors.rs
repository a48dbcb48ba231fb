//! A process's own open descriptors.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{Dir, Mode, OFlags};
use rustix::io::FdFlags;

/// The numbers of all descriptors that a program executed now would inherit, ascending (proc_pid_fd(5)).
pub fn inheritable() -> io::Result<Vec<RawFd>> {
    let mut numbers = Vec::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for entry in Dir::new(rustix::fs::open("/proc/self/fd", flags, Mode::empty())?)? {
        let number = entry?.file_name().to_str().ok().and_then(|name| name.parse().ok());
        numbers.extend(number.filter(|number| is_inheritable(*number)));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Open and without the close-on-exec flag.
fn is_inheritable(number: RawFd) -> bool {
    let flags = rustix::io::fcntl_getfd(borrow(number));
    flags.is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC))
}

/// A descriptor that this process inherited, by its number.
pub fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: inherited descriptors belong to nobody in this process and are never closed by it; a number that is
    // not open makes system calls answer EBADF and nothing worse.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Takes over a descriptor that the parent left open for this process.
///
/// # Errors
/// The number is not open.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    rustix::io::fcntl_setfd(borrow(number), FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and by contract with the parent nobody else in this process knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The working directory, also when it has been removed.
pub fn working_directory() -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(".", flags, Mode::empty())?)
}

/// Allows as many open descriptors as the hard limit does: a daemon holds those of all its clients for a moment.
pub fn raise_limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused: the soft limit stays, which is enough for most.
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
