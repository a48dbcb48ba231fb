//! Plain Julia, in place of this process.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};

use super::Reason;
use crate::exit;
use crate::sys::process;

/// Replaces this process by Julia; returns an exit status only where that failed.
pub(super) fn execute(julia: &OsStr, arguments: &[OsString]) -> i32 {
    let error = process::execute(julia, julia, arguments);
    complain(&format!("cannot execute {}: {error}", julia.display()));
    if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::CANNOT_EXECUTE }
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
