//! What stands in `<depot>/bin` for an app: one line that names `jlshim`, and nothing of the record.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::client::SHIM_MARK;
use crate::env;
use crate::sys::{files, process};
use crate::toolchain::Error;

/// The kernel reads so much of a first line (`BINPRM_BUF_SIZE`, execve(2)), `#!` and its end included.
const MOST_BYTES: usize = 255;

const SHIM: &str = "jlshim";

/// The shim of an app.
pub fn path(depot: &Path, app: &str) -> PathBuf {
    depot.join("bin").join(app)
}

/// Whether a file is a shim: ours, or one of Pkg's, which all read `JULIA_APPS_JULIA_CMD`. A script of the user's is none.
pub fn is_shim(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let head = String::from_utf8_lossy(&text[..text.len().min(4096)]).into_owned();
    is_ours(path) || (head.starts_with("#!") && head.contains(env::APPS_JULIA_CMD))
}

/// One line that names `jlshim`, or a copy of it.
fn is_ours(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mark = SHIM_MARK.as_bytes();
    (line.starts_with(b"#!") && line.ends_with(format!("/{SHIM}").as_bytes()))
        || (text.starts_with(b"\x7fELF") && text.windows(mark.len()).any(|bytes| bytes == mark))
}

/// Writes the shim of an app beside its place and moves it there: whoever runs the old one runs it to its end.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn write(depot: &Path, app: &str) -> Result<(), Error> {
    let path = path(depot, app);
    let programs = process::own_folder().map_err(|error| Error::app_file("cannot find", Path::new(SHIM), &error))?;
    let line = format!("#!{}\n", programs.join(SHIM).display());
    let fits = line.len() <= MOST_BYTES && !line.trim_end().contains(char::is_whitespace);
    let bin = depot.join("bin");
    let written = fs::create_dir_all(&bin).and_then(|()| {
        if fits {
            return files::replace_program(&path, line.as_bytes());
        }
        // A copy has to be told where the others are; it comes before the first copy.
        files::replace(&bin.join(process::PROGRAMS_FILE), programs.as_os_str().as_bytes())?;
        files::replace_program(&path, &fs::read(programs.join(SHIM))?)
    });
    written.map_err(|error| Error::app_file("cannot write", &path, &error))
}

/// Where a shim of Pkg's is kept that ours has replaced.
fn kept(depot: &Path, app: &str) -> PathBuf {
    depot.join("environments/jlapp/_pkg_shims").join(app)
}

/// What stands in an app's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Nothing,
    Ours,
    Pkgs,
    /// Somebody's own file.
    Other,
}

pub(super) fn standing(depot: &Path, app: &str) -> Standing {
    let path = path(depot, app);
    match path.symlink_metadata() {
        Err(_) => Standing::Nothing,
        Ok(_) if is_ours(&path) => Standing::Ours,
        Ok(_) if is_shim(&path) => Standing::Pkgs,
        Ok(_) => Standing::Other,
    }
}

/// Puts ours in the place of Pkg's, which is kept.
pub(super) fn adopt(depot: &Path, app: &str) -> Result<(), Error> {
    let (path, kept) = (path(depot, app), kept(depot, app));
    let copied = fs::create_dir_all(kept.parent().unwrap_or(depot))
        .and_then(|()| files::replace_program(&kept, &fs::read(&path)?));
    copied.map_err(|error| Error::app_file("cannot keep", &path, &error))?;
    write(depot, app)
}

/// Puts Pkg's back in its place; whether there was one.
pub(super) fn release(depot: &Path, app: &str) -> Result<bool, Error> {
    let (path, kept) = (path(depot, app), kept(depot, app));
    match fs::rename(&kept, &path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::app_file("cannot restore", &path, &error)),
    }
}

/// Takes a shim away; what is none stays.
pub(super) fn remove(depot: &Path, app: &str) -> Result<(), Error> {
    let path = path(depot, app);
    if !is_shim(&path) {
        return Ok(());
    }
    fs::remove_file(&path).map_err(|error| Error::app_file("cannot remove", &path, &error))
}
