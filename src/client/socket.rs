//! Where the conductor's socket is, and whether it may be trusted.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env as process_env, fs, io};

use crate::env;
use crate::sys::files;

/// The longest path accepted: a socket's address takes 107 bytes (unix(7)), and the conductor binds under a name that is
/// one longer.
pub const MAX_PATH_BYTES: usize = 106;

/// The socket's path: `JULIA_DAEMON_SERVER`, else in this user's runtime folder.
pub fn path() -> PathBuf {
    let given = process_env::var_os(env::DAEMON_SERVER).filter(|path| !path.is_empty());
    given.map_or_else(|| runtime_folder().join("julia-daemon.sock"), |given| absolute(&given))
}

fn absolute(path: &std::ffi::OsStr) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// `$XDG_RUNTIME_DIR`, else `/run/user/<uid>`, else a folder in `/tmp` whose owner is checked before use.
fn runtime_folder() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let given = process_env::var_os(env::XDG_RUNTIME_DIR).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let usual = || Some(PathBuf::from(format!("/run/user/{uid}"))).filter(|folder| folder.is_dir());
    given.or_else(usual).unwrap_or_else(|| PathBuf::from(format!("/tmp/julia-daemon-{uid}")))
}

/// Makes the socket's folder where it is missing and refuses one that others could tamper with.
pub fn prepare_folder(socket: &Path) -> io::Result<()> {
    if socket.as_os_str().len() > MAX_PATH_BYTES {
        let message = format!("{} is longer than {MAX_PATH_BYTES} bytes", socket.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let folder = socket.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        files::private_folder(folder)?;
    }
    check_folder(folder)
}

/// The folder must be ours (or root's, for root is trusted anyway) and not writable by others.
fn check_folder(folder: &Path) -> io::Result<()> {
    let found = fs::metadata(folder)?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let message = format!("{} must belong to you and be writable by nobody else (chmod 700)", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}
