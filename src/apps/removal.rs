//! Folders that go: aside first, so that half of one is never seen.

use std::fs;
use std::path::Path;

use crate::sys::crash_point;
use crate::toolchain::Error;

/// Removes a folder, and what is left of it where that was begun before.
///
/// # Errors
/// It could not be removed.
pub(super) fn remove(folder: &Path) -> Result<(), Error> {
    let Some(name) = folder.file_name() else { return Ok(()) };
    let aside = folder.with_file_name(format!(".{}.removed", name.to_string_lossy()));
    let removed = empty(&aside).and_then(|()| match fs::rename(folder, &aside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        renamed => {
            crash_point("apps-hidden");
            renamed.and_then(|()| empty(&aside))
        }
    });
    removed.map_err(|error| Error::file("cannot remove", folder, &error))
}

fn empty(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
