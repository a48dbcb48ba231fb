//! The Julia of a launch, as `toolchain` picks it, and what there is to be said about that.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::decline::Decline;
use crate::julia::CommandLine;
use crate::protocol::Launch;
use crate::toolchain::{Note, Request, Selection, Toolchains};

/// Notes that are remembered; then all are forgotten, and may be said once more.
const MOST_NOTES: usize = 1000;

/// Picks Julias for launches; keeps the records of toolchains between them.
#[derive(Default)]
pub(super) struct Chooser {
    toolchains: RefCell<Toolchains>,
    /// Each is said once, to the first launch that it concerns.
    said: RefCell<HashSet<Note>>,
}

impl Chooser {
    /// # Errors
    /// [`Decline::NoJulia`]: the client finds out the same, and tells its user what to do about it.
    pub(super) fn choose(&self, launch: &Launch, line: &CommandLine, directory: &Path) -> Result<Selection, Decline> {
        let variable = |name: &str| launch.variable(name).map(|value| OsString::from_vec(value.to_vec()));
        let request = Request {
            channel: launch.channel.as_deref().map(OsStr::from_bytes),
            directory,
            project: line.project.as_deref(),
            program: line.program_file(),
            app: None,
            variable: &variable,
        };
        self.toolchains.borrow_mut().select(&request).map_err(|_| Decline::NoJulia)
    }

    /// Says on a launch's standard error what was passed over for it, unless somebody has heard it or it would have to
    /// be waited for: there is a pipe's worth of room, or nothing is said.
    pub(super) fn say(&self, note: Option<&Note>, stderr: Option<&OwnedFd>) {
        let (Some(note), Some(stderr)) = (note, stderr) else { return };
        if self.said.borrow().contains(note) {
            return;
        }
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let text = format!("juliaclient: {note}\n");
        let has_room = poll(&mut [PollFd::new(stderr, PollFlags::OUT)], Some(&now)).is_ok_and(|ready| ready == 1);
        if text.len() <= PIPE_BUF && has_room && rustix::io::write(stderr, text.as_bytes()).is_ok() {
            let mut said = self.said.borrow_mut();
            if said.len() >= MOST_NOTES {
                said.clear();
            }
            said.insert(note.clone());
        }
    }
}

/// A Julia's path and the arguments that come before a launch's own, as bytes.
pub(super) fn command(selection: &Selection) -> Vec<Vec<u8>> {
    let words = [selection.binary.as_os_str()].into_iter().chain(selection.arguments.iter().map(OsString::as_os_str));
    words.map(|word| word.as_bytes().to_vec()).collect()
}

/// A pipe that can be written to takes so many bytes at once (pipe(7)).
const PIPE_BUF: usize = 4096;
