//! A real terminal: the controlling side is the test's.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;

use super::capture::Capture;

/// A pseudo-terminal, 80 by 24, with echo off so that transcripts hold what the program wrote.
pub struct Terminal {
    controller: Arc<OwnedFd>,
    pub capture: Capture,
}

impl Terminal {
    /// The terminal, and the side that belongs to the program.
    pub fn open() -> (Self, OwnedFd) {
        let (mut controller, mut program) = (-1, -1);
        let size = window(80, 24);
        // SAFETY: all pointers are valid or null, as openpty(3) allows.
        let done = unsafe {
            libc::openpty(&raw mut controller, &raw mut program, ptr::null_mut(), ptr::null(), &raw const size)
        };
        assert_eq!(done, 0, "openpty: {}", std::io::Error::last_os_error());
        // SAFETY: both are new and ours.
        let (controller, program) = unsafe { (OwnedFd::from_raw_fd(controller), OwnedFd::from_raw_fd(program)) };
        super::spawn::close_on_exec(controller.as_raw_fd());
        super::spawn::close_on_exec(program.as_raw_fd());
        let controller = Arc::new(controller);
        let terminal = Self { capture: Capture::start(controller.clone()), controller };
        let mut modes = terminal.modes();
        modes.c_lflag &= !libc::ECHO;
        // SAFETY: a terminal and valid modes.
        unsafe { libc::tcsetattr(terminal.controller.as_raw_fd(), libc::TCSANOW, &raw const modes) };
        (terminal, program)
    }

    /// Types.
    pub fn write(&self, bytes: &[u8]) {
        super::running::write_all(&self.controller, bytes);
    }

    /// Makes the window another size; the kernel tells the foreground job by SIGWINCH.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = window(columns, rows);
        // SAFETY: a terminal and a valid size.
        let done = unsafe { libc::ioctl(self.controller.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(done, 0);
    }

    /// Hangs up: the session's leader and the foreground job get SIGHUP.
    pub fn hang_up(self) {
        self.capture.close();
        assert_eq!(Arc::strong_count(&self.controller), 1);
    }

    /// Line discipline, echo and the like, as the program's side sees them.
    pub fn modes(&self) -> libc::termios {
        // SAFETY: zeroes are valid modes, to be overwritten.
        let mut modes = unsafe { std::mem::zeroed() };
        // SAFETY: a terminal and a place for its modes.
        let done = unsafe { libc::tcgetattr(self.controller.as_raw_fd(), &raw mut modes) };
        assert_eq!(done, 0, "tcgetattr: {}", std::io::Error::last_os_error());
        modes
    }

    /// What [`Self::modes`] says, comparable.
    pub fn mode_words(&self) -> (u32, u32, u32, u32, Vec<u8>) {
        let modes = self.modes();
        (modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag, modes.c_cc.to_vec())
    }
}

fn window(columns: u16, rows: u16) -> libc::winsize {
    libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
