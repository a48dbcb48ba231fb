//! The log file: bounded, appended to line by line, never in the way of a launch.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::io::{Appender, Backend};

/// Length in bytes at which the log is renamed to `….old` and begun anew.
const MAX_BYTES: u64 = 1 << 20;

/// The way into the log.
#[derive(Clone)]
pub(super) struct Log {
    path: PathBuf,
    lines: UnboundedSender<String>,
}

/// The end of the log that writes: one task, so that lines keep their order.
pub(super) struct LogWriter {
    path: PathBuf,
    lines: UnboundedReceiver<String>,
    backend: Backend,
}

/// Where the conductor of a socket logs: in `<state folder>/jlapp/`, named for the socket's whole path with `%` for each
/// `/`; beside the socket where there is no state folder.
pub fn log_path(socket: &Path) -> PathBuf {
    let folder = dirs::state_dir().or_else(|| dirs::home_dir().map(|home| home.join(".local/state")));
    let name = format!("{}.log", socket.to_string_lossy().replace('/', "%"));
    folder.map_or_else(|| beside(socket), |folder| folder.join("jlapp").join(name))
}

/// Where it logs when the state folder takes no file.
pub fn beside(socket: &Path) -> PathBuf {
    socket.with_extension("log")
}

impl Log {
    /// A log for the conductor at `socket`, and what has to be run to fill it.
    ///
    /// # Errors
    /// Neither the state folder nor the socket's own takes a log file; with the path.
    pub(super) fn open(socket: &Path, backend: Backend) -> io::Result<(Self, LogWriter)> {
        let mut path = log_path(socket);
        if path.parent().is_some_and(|folder| fs::create_dir_all(folder).is_err()) || open(&path).is_err() {
            path = beside(socket);
            open(&path)?;
        }
        let (sender, receiver) = unbounded_channel();
        Ok((Self { path: path.clone(), lines: sender }, LogWriter { path, lines: receiver, backend }))
    }

    #[cfg(test)]
    pub(super) fn to_nobody() -> Self {
        Self { path: PathBuf::new(), lines: unbounded_channel().0 }
    }

    /// Appends a line with the time, seconds since 1970. A full disk loses lines and nothing else.
    pub(super) fn line(&self, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let _ = self.lines.send(format!("{}.{:03} {text}\n", now.as_secs(), now.subsec_millis()));
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For workers: what Julia itself prints outside of any launch.
    pub(super) fn file(&self) -> io::Result<File> {
        open(&self.path)
    }
}

impl LogWriter {
    /// Writes until every [`Log`] is gone and its lines are on disk.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.lines.recv_many(&mut batch, 64).await > 0 {
            self.rotate();
            if let Ok(file) = open(&self.path) {
                let _ = Appender::new(self.backend, file).append(batch.concat().into_bytes()).await;
            }
            batch.clear();
        }
    }

    fn rotate(&self) {
        if fs::metadata(&self.path).is_ok_and(|found| found.len() > MAX_BYTES) {
            let _ = fs::rename(&self.path, self.path.with_extension("log.old"));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
