//! `jlapp daemon`: start, stop and look at the conductor.

mod drain;
mod live;
mod logs;
mod status;
mod text;
mod unit;
mod warm;

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use clap::Subcommand;

use crate::client::{self, Connection, socket};
use crate::conductor::lock_path;
use crate::protocol::Kind;
use crate::sys::files;

pub(super) use status::worker_programs;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Start the daemon, if none is running
    Start,
    /// End the daemon; programs that run go on
    Stop,
    /// End the daemon and start it again; programs that run go on
    Restart,
    /// End the daemon once the programs that it serves have ended; launches run as plain Julia meanwhile
    Drain(drain::Drain),
    /// Show the daemon and its workers
    Status(status::Status),
    /// Do ahead what launches of scripts or apps need, without running them
    Warm(warm::Warm),
    /// Print the daemon's log
    Logs,
    /// Have systemd start the daemon, with the user's session and at the first launch
    Install,
    /// Take that back
    Uninstall,
}

impl Command {
    pub(super) fn run(self) -> io::Result<()> {
        match self {
            Self::Start => start(),
            Self::Stop => stop(),
            Self::Restart => stop().and_then(|()| start()),
            Self::Drain(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Warm(command) => command.run(),
            Self::Logs => logs::print(),
            Self::Install => unit::install(),
            Self::Uninstall => unit::uninstall(),
        }
    }
}

fn start() -> io::Result<()> {
    match Connection::to_running() {
        Ok(_) => {
            println!("already running at {}", socket::path().display());
            return Ok(());
        }
        Err(error) if !is_absent(&error) => return Err(error),
        Err(_) => {}
    }
    client::start_conductor()?;
    println!("running at {}", socket::path().display());
    Ok(())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Returns when the lock is free, so that a start right after finds nothing in its way.
fn stop() -> io::Result<()> {
    match client::converse(Kind::Stop) {
        Ok(_) => {}
        Err(error) if is_absent(&error) => {
            println!("not running");
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    wait_for_end();
    println!("stopped; programs that run go on");
    Ok(())
}

/// Waits until a conductor that was told to end has given its lock free.
fn wait_for_end() {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_held(&lock_path(&socket::path())) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
}

fn is_held(lock: &Path) -> bool {
    lock.exists() && matches!(files::try_lock(lock), Ok(None))
}
