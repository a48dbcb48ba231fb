//! Private folders, locks and files that are never half-written.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::crash_point_at;

/// Makes a folder that only this user can enter, or checks that an existing one is.
///
/// # Errors
/// Somebody else owns it, or it is a link.
pub fn private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a folder of this user"));
    }
    Ok(())
}

/// Takes away what others may do in a folder that we made.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Locks a file for as long as the result lives; `None` when another process holds it (flock(2)).
pub fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Like [`try_lock`], but waits for it.
pub fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

/// Writes a file so that others see all of it or what was there before, also after a power cut.
///
/// The caller keeps two writers apart, by a lock: what is written first lies beside the file, and what a killed writer
/// left there the next one writes over.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(&beside(path)?, path, bytes, None)
}

/// Like [`replace`], for a program that everybody may execute. What a killed writer leaves is hidden: nobody is to find it
/// among programs.
pub fn replace_program(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path)?;
    let mut name = OsString::from(".");
    name.push(beside.file_name().unwrap_or_default());
    replace_by(&beside.with_file_name(name), path, bytes, Some(0o755))
}

fn replace_by(beside: &Path, path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let written = write_all(beside, bytes, path, mode).and_then(|()| fs::rename(beside, path));
    if written.is_err() {
        let _ = fs::remove_file(beside);
    }
    written?;
    crash_point_at("file-replaced", path);
    // Not every file system can; the rename itself has been done.
    let _ = path.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
    Ok(())
}

/// Lets two files or folders change places at once, where the file system can; else one after the other (rename(2)).
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            let aside = beside(other)?;
            fs::rename(other, &aside)?;
            fs::rename(one, other)?;
            fs::rename(aside, one)
        }
        result => Ok(result?),
    }
}

/// Like [`replace`], where several may write the same thing at once, as launches do, and a power cut does no harm.
pub fn replace_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = beside(path)?.into_os_string();
    beside.push(format!("-{}", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = name.to_owned();
    name.push(".new");
    Ok(path.with_file_name(name))
}

fn write_all(beside: &Path, bytes: &[u8], path: &Path, mode: Option<u32>) -> io::Result<()> {
    let mut file = File::create(beside)?;
    crash_point_at("file-begun", path);
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.sync_all()?;
    crash_point_at("file-written", path);
    Ok(())
}
