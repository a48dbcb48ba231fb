//! Plain Julia, in place of this process.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use super::Reason;
use crate::exit;
use crate::sys::process;

/// Replaces this process by Julia; returns an exit status only where that failed.
pub(super) fn execute(julia: &OsStr, arguments: &[OsString]) -> i32 {
    let error = process::execute(julia, julia, arguments);
    complain(&format!("cannot execute {}: {error}", julia.display()));
    if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::CANNOT_EXECUTE }
}

/// Runs `jlapp launch <app> <arguments>` in place of this process.
pub(super) fn execute_app(arguments: Vec<OsString>) -> i32 {
    let mut arguments = arguments.into_iter().skip(1);
    let app = arguments.next().and_then(|shim| Path::new(&shim).file_name().map(OsStr::to_owned));
    let (Some(app), Ok(folder)) = (app, process::own_folder()) else {
        complain("jlshim is run by the shims of apps, which name it in their first line; see `jlapp --help`");
        return exit::FAILURE;
    };
    let words: Vec<OsString> = ["launch".into(), app].into_iter().chain(arguments).collect();
    execute(folder.join("jlapp").as_os_str(), &words)
}

/// `JULIA_DAEMON=require` and no worker.
pub(super) fn refuse(reason: &Reason) -> i32 {
    complain(&format!("not served by a worker ({reason}), and JULIA_DAEMON=require; see `jlapp daemon status`"));
    exit::NOT_SERVED
}

/// One line on stderr, which may be closed.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "juliaclient: {message}");
}
