//! The Julia of a launch, as `toolchain` picks it, and what there is to be said about that.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::decline::Decline;
use crate::apps::{self, Apps, Found};
use crate::env;
use crate::julia::parse;
use crate::protocol::Launch;
use crate::toolchain::{Note, Request, Selection, Toolchains};

/// Notes that are remembered; then all are forgotten, and may be said once more.
const MOST_NOTES: usize = 1000;

/// What a launch runs.
pub(super) struct Chosen {
    pub(super) selection: Selection,
    /// Without those of `selection`, which come first.
    words: Vec<OsString>,
    /// The app, where one is launched.
    pub(super) app: Option<Found>,
}

impl Chosen {
    /// All arguments.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        [self.selection.arguments.as_slice(), &self.words].concat()
    }

    /// For the client to execute: the Julia's path, and the arguments that the client has not got itself.
    pub(super) fn command(&self, is_app: bool) -> Vec<Vec<u8>> {
        let arguments = if is_app { self.arguments() } else { self.selection.arguments.clone() };
        let binary = self.selection.binary.clone().into_os_string();
        [binary].into_iter().chain(arguments).map(OsString::into_vec).collect()
    }
}

/// Picks Julias for launches; keeps the records of toolchains between them.
#[derive(Default)]
pub(super) struct Chooser {
    toolchains: RefCell<Toolchains>,
    apps: RefCell<Apps>,
    /// Each is said once, to the first launch that it concerns.
    said: RefCell<HashSet<Note>>,
}

impl Chooser {
    /// The Julia of a launch, and all arguments that it gets. For an app these are made from its record.
    ///
    /// # Errors
    /// [`Decline::NoJulia`], [`Decline::NoApp`]: the client finds out the same, and tells its user what to do about it.
    pub(super) fn choose(&self, launch: &Launch, directory: &Path) -> Result<Chosen, Decline> {
        let variable = |name: &str| launch.variable(name).map(|value| OsString::from_vec(value.to_vec()));
        let words: Vec<OsString> = launch.arguments.iter().cloned().map(OsString::from_vec).collect();
        let request = Request {
            channel: launch.channel.as_deref().map(OsStr::from_bytes),
            directory,
            project: None,
            program: None,
            app: None,
            variable: &variable,
        };
        let mut toolchains = self.toolchains.borrow_mut();
        if let Some(app) = launch.app.as_deref().map(OsStr::from_bytes) {
            let found = self.apps.borrow_mut().find(app, &variable).map_err(|_| Decline::NoApp)?;
            let words = apps::command_line(&found, variable(env::APP_ARGS).as_deref(), &words);
            let words = words.map_err(|_| Decline::NoApp)?;
            let selection = toolchains.select(&Request { app: Some(&found.recorded), ..request });
            return Ok(Chosen { selection: selection.map_err(|_| Decline::NoJulia)?, words, app: Some(found) });
        }
        let line = parse(&words).map_err(|_| Decline::Malformed)?;
        let request = Request { project: line.project.as_deref(), program: line.program_file(), ..request };
        Ok(Chosen { selection: toolchains.select(&request).map_err(|_| Decline::NoJulia)?, words, app: None })
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

/// A pipe that can be written to takes so many bytes at once (pipe(7)).
const PIPE_BUF: usize = 4096;
