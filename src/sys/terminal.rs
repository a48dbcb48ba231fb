//! Terminals: this process's controlling one, and pairs of our own (pty(7), termios(3), credentials(7)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetpgrp, tcsetwinsize,
};

/// Both sides of a terminal: what is written to the leader is typed, and what a program writes to the follower can be
/// read there.
pub struct Pair {
    pub leader: OwnedFd,
    pub follower: OwnedFd,
}

impl Pair {
    /// A new terminal, which is nobody's controlling terminal yet.
    pub fn open() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let leader = openpt(flags)?;
        grantpt(&leader)?;
        unlockpt(&leader)?;
        let follower = ioctl_tiocgptpeer(&leader, flags)?;
        Ok(Self { leader, follower })
    }

    /// Makes it the controlling terminal of this process, which has to lead its session and have none, and of the
    /// children to come.
    pub fn control_session(&self) -> io::Result<()> {
        Ok(rustix::process::ioctl_tiocsctty(&self.follower)?)
    }

    /// Makes process group `group`, of the session that it controls, the one that keys like Ctrl-C act on.
    pub fn put_in_foreground(&self, group: u32) -> io::Result<()> {
        let group = Pid::from_raw(group.cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(tcsetpgrp(&self.follower, group)?)
    }
}

/// Whether a descriptor is this process's controlling terminal: all that are, are the same one.
pub fn is_controlling(descriptor: impl AsFd) -> bool {
    tcgetpgrp(descriptor).is_ok()
}

/// Whether keys like Ctrl-C of this process's controlling terminal act on its own process group.
pub fn is_in_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// The controlling terminal, opened anew: without blocking, which nobody else who has it open notices.
pub fn open_controlling() -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty")
}

/// Line discipline, echo, special characters and the like.
#[derive(Clone)]
pub struct Modes(Termios);

impl Modes {
    pub fn of(terminal: impl AsFd) -> io::Result<Self> {
        Ok(Self(tcgetattr(terminal)?))
    }

    /// The same, but every byte passes as it is, at once (cfmakeraw, termios(3)).
    #[must_use]
    pub fn raw(&self) -> Self {
        let mut modes = self.0.clone();
        modes.make_raw();
        Self(modes)
    }

    /// Takes effect at once; what was typed before stays.
    pub fn set(&self, terminal: impl AsFd) -> io::Result<()> {
        Ok(tcsetattr(terminal, OptionalActions::Now, &self.0)?)
    }
}

/// Gives one terminal's window size to another. Where it has changed, that one's foreground group gets SIGWINCH.
pub fn copy_window_size(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    Ok(tcsetwinsize(to, tcgetwinsize(from)?)?)
}
