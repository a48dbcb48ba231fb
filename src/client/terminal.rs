//! The user's terminal, while a program has one of its own in its place.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::sys::descriptors::borrow;
use crate::sys::terminal::{self, Modes};

/// The controlling terminal of this process. However this goes away, it leaves the modes as they were.
pub(super) struct Terminal {
    pub(super) file: File,
    /// Which of descriptors 0 to 2 it is, bit `n` for number `n`.
    pub(super) descriptors: u32,
    /// As whoever had it before us left them.
    modes: Modes,
    is_raw: bool,
}

impl Terminal {
    /// This process's own, if it may be used and is what a session would be led on.
    pub(super) fn of_session() -> Option<Self> {
        let descriptors =
            (0..3).filter(|number| terminal::is_controlling(borrow(*number))).map(|number| 1 << number).sum();
        let reads_and_writes = descriptors & 0b11 == 0b11;
        if !reads_and_writes || !terminal::is_in_foreground(borrow(0)) {
            return None;
        }
        let file = terminal::open_controlling().ok()?;
        let modes = Modes::of(&file).ok()?;
        Some(Self { file, descriptors, modes, is_raw: false })
    }

    /// Gives the program's terminal the modes and the size of this one.
    pub(super) fn dress(&self, leader: &OwnedFd) -> io::Result<()> {
        self.modes.set(leader)?;
        terminal::copy_window_size(&self.file, leader)
    }

    /// Whatever is typed goes to the program as it is. Only in the foreground: elsewhere the terminal is somebody else's, and
    /// it is to be tried again.
    pub(super) fn take(&mut self) {
        if self.is_raw || !terminal::is_in_foreground(&self.file) {
            return;
        }
        if let Ok(modes) = Modes::of(&self.file) {
            self.modes = modes;
        }
        self.is_raw = self.modes.raw().set(&self.file).is_ok();
    }

    /// Whether what is typed is ours to read.
    pub(super) fn is_taken(&self) -> bool {
        self.is_raw
    }

    /// As it was before.
    pub(super) fn give_back(&mut self) {
        if self.is_raw {
            // Refused by one that has hung up, which has no modes any more.
            let _ = self.modes.set(&self.file);
            self.is_raw = false;
        }
    }

    /// Its window's size for the program.
    pub(super) fn size(&self, leader: &OwnedFd) {
        let _ = terminal::copy_window_size(self.file.as_fd(), leader);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}
