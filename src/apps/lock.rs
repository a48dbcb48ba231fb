//! Pkg's lock on its record of apps: `environments/apps/.pid` (stdlib/FileWatching/src/pidfile.jl).
//!
//! The file is made by whoever finds none, holds his process id and host name, and goes with him. One that is older than
//! [`STALE`] and whose process has gone is nobody's; one that is much older is nobody's either way: nothing that takes long is done under it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::toolchain::Error;

/// As Pkg has it.
const STALE: Duration = Duration::from_secs(10);
/// What Pkg takes for long enough also where the process is there (`stale_age * 25`).
const CERTAINLY_STALE: u32 = 25;
/// Longer than any change takes; Pkg holds it while it downloads.
const PATIENCE: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_millis(50);

/// The lock, as long as this lives.
pub(super) struct Lock {
    path: PathBuf,
    text: String,
}

impl Lock {
    /// Waits for it; says so once, to `waiting`, if that takes longer than a moment.
    ///
    /// # Errors
    /// The file cannot be made, or somebody holds it for ten minutes.
    pub(super) fn take(path: &Path, waiting: impl FnOnce(&Path)) -> Result<Self, Error> {
        let (started, mut waiting) = (Instant::now(), Some(waiting));
        loop {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    let host = rustix::system::uname();
                    let text = format!("{} {}", std::process::id(), host.nodename().to_string_lossy());
                    let lock = Self { path: path.to_owned(), text };
                    file.write_all(lock.text.as_bytes())
                        .map_err(|error| Error::app_file("cannot write", path, &error))?;
                    return Ok(lock);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::app_file("cannot make", path, &error)),
            }
            if is_stale(path) {
                let _ = fs::remove_file(path);
                continue;
            }
            if started.elapsed() > PATIENCE {
                let next = "if nobody changes apps, remove that file";
                return Err(Error::failed(format!("cannot lock {}", path.display()), "another process holds it", next));
            }
            if started.elapsed() > Duration::from_secs(1)
                && let Some(waiting) = waiting.take()
            {
                waiting(path);
            }
            thread::sleep(INTERVAL);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Whoever thought it stale has made another one. One without text is ours, to which nothing could be written.
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        if text.is_empty() || text == self.text {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn is_stale(path: &Path) -> bool {
    let Ok(age) = fs::metadata(path).and_then(|found| found.modified()).map(|time| time.elapsed().unwrap_or_default())
    else {
        return false;
    };
    let text = fs::read_to_string(path).unwrap_or_default();
    let (pid, host) = text.split_once(' ').unwrap_or((&text, ""));
    let here = host == rustix::system::uname().nodename().to_string_lossy();
    let runs = pid.parse::<u32>().is_ok_and(|pid| Path::new(&format!("/proc/{pid}")).exists());
    age > STALE * CERTAINLY_STALE || (age > STALE && here && !runs)
}
