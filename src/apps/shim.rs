//! What stands in `<depot>/bin` for an app: one line that names `jlshim`, and nothing of the record.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::env;
use crate::sys::process;
use crate::toolchain::Error;

/// The kernel reads so much of a first line (`BINPRM_BUF_SIZE`, execve(2)), `#!` and its end included.
const MOST_BYTES: usize = 255;

/// The shim of an app.
pub fn path(depot: &Path, app: &str) -> PathBuf {
    depot.join("bin").join(app)
}

/// Whether a file is a shim: ours, or one of Pkg's, which all read `JULIA_APPS_JULIA_CMD`. A script of the user's is none.
pub fn is_shim(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let head = String::from_utf8_lossy(&text[..text.len().min(4096)]).into_owned();
    head.starts_with("#!")
        && (head.lines().next().is_some_and(|line| line.ends_with("/jlshim")) || head.contains(env::APPS_JULIA_CMD))
}

/// Writes the shim of an app beside its place and moves it there: whoever runs the old one runs it to its end.
///
/// # Errors
/// The folder cannot be written to, or no first line can hold the path of `jlshim`.
pub(super) fn write(depot: &Path, app: &str) -> Result<(), Error> {
    let path = path(depot, app);
    let interpreter = process::own_folder().map_err(|error| Error::file("cannot find", Path::new("jlshim"), &error))?;
    let line = format!("#!{}\n", interpreter.join("jlshim").display());
    if line.len() > MOST_BYTES || line.trim_end().contains(char::is_whitespace) {
        let doing = format!("cannot make a shim for {app}");
        let cause = format!("no first line of a script can hold {}", interpreter.display());
        return Err(Error::failed(doing, cause, "install jlapp in a folder with a shorter name and without spaces"));
    }
    let written = fs::create_dir_all(depot.join("bin")).and_then(|()| replace(&path, line.as_bytes()));
    written.map_err(|error| Error::file("cannot write", &path, &error))
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&beside)?;
    file.write_all(text)?;
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// Takes a shim away; what is none stays.
pub(super) fn remove(depot: &Path, app: &str) -> Result<(), Error> {
    let path = path(depot, app);
    if !is_shim(&path) {
        return Ok(());
    }
    fs::remove_file(&path).map_err(|error| Error::file("cannot remove", &path, &error))
}
