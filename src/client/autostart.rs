//! Starting a conductor that is nobody's child and has nothing of this client's.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::env;
use crate::sys::process::{Command, own_folder, spawn_detached};

/// Variables that a conductor keeps from whoever starts it; everything else comes with each launch.
const KEPT: [&str; 7] =
    [env::HOME, env::PATH, env::XDG_RUNTIME_DIR, env::XDG_STATE_HOME, env::IO, env::MEMORY, env::IDLE_TTL];

/// Starts the conductor beside this program. If another one lives already, the new one ends by itself: a lock decides.
pub(super) fn start(socket: &Path) -> io::Result<()> {
    let null = || OpenOptions::new().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    spawn_detached(&Command {
        program: own_folder()?.join("jlconductor"),
        arguments: vec!["run".into(), "--socket".into(), socket.into()],
        environment: KEPT.iter().filter_map(|name| entry(name)).collect(),
        descriptors: vec![null()?, null()?, null()?],
        occupied_below: 0,
        own_session: true,
    })
}

fn entry(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    Some([OsStr::new(name), OsStr::new("="), &value].into_iter().collect())
}
