//! The Julia to run: `JULIA_DAEMON_WORKER_EXECUTABLE`, else `julia` on `PATH`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env as process_env, fs};

use super::direct::complain;
use crate::{env, exit};

/// No Julia was found.
#[derive(Debug)]
pub struct Missing {
    name: OsString,
}

impl Missing {
    /// Says what was looked for and what to do; returns the exit status.
    pub fn report(&self) -> i32 {
        complain(&format!(
            "no `{}` found on PATH; install Julia (https://julialang.org/downloads) or set {} to its path",
            self.name.display(),
            env::WORKER_EXECUTABLE,
        ));
        exit::NOT_FOUND
    }
}

/// Absolute path of the Julia to run; links are left as they are, since Julia resolves them itself.
pub fn find_julia() -> Result<OsString, Missing> {
    let name = process_env::var_os(env::WORKER_EXECUTABLE).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "julia".into());
    if name.as_bytes().contains(&b'/') {
        return Ok(std::path::absolute(&name).map_or(name, PathBuf::into_os_string));
    }
    let path = process_env::var_os(env::PATH).unwrap_or_default();
    let found = process_env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| is_other_program(file));
    found.map(|file| std::path::absolute(&file).unwrap_or(file).into_os_string()).ok_or(Missing { name })
}

/// An executable file that is not this very program: `julia` may be a link to `juliaclient`.
fn is_other_program(file: &Path) -> bool {
    let Ok(found) = fs::metadata(file) else { return false };
    found.is_file() && found.mode() & 0o111 != 0 && !is_this_program(&found)
}

fn is_this_program(found: &fs::Metadata) -> bool {
    let own = fs::metadata(OsStr::new("/proc/self/exe"));
    own.is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()))
}
