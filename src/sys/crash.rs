//! Points at which tests have a program killed, as a power cut or an impatient user would.
//!
//! Builds without debug assertions, as they are installed, have none of it and do not read the variable.

use std::path::Path;

/// Every point that there is, in the order in which they are reached; those of files are asked for with the file's name:
/// `file-written toolchains.json`. Whoever goes through all of a command's points in a test finds them here.
pub const CRASH_POINTS: &[&str] = &[
    // Replacing any file (`sys::files::replace`).
    "file-begun",
    "file-written",
    "file-replaced",
    // Getting a Julia (`toolchain::install`).
    "install-staged",
    "install-half-downloaded",
    "install-half-unpacked",
    "install-verified",
    "install-tried",
    "install-locked",
    "install-renamed",
    "install-recorded",
    // Removing Julias (`toolchain::gc`).
    "gc-locked",
    "gc-moved",
    "gc-hidden",
    // Changing apps (`apps::commit`, `cli::install`).
    "apps-begun",
    "apps-made",
    "apps-moved",
    "apps-shims",
    "apps-hidden",
    "apps-removed",
];

/// Kills this process (SIGKILL) if `JLAPP_CRASH_AT` names this point.
pub fn crash_point(name: &str) {
    crash_if(name, None);
}

/// Like [`crash_point`], for what is done to many files: it is named together with the last part of the path.
pub fn crash_point_at(name: &str, path: &Path) {
    crash_if(name, Some(path));
}

#[cfg(debug_assertions)]
fn crash_if(name: &str, path: Option<&Path>) {
    debug_assert!(CRASH_POINTS.contains(&name), "{name} is not among CRASH_POINTS");
    let Some(wanted) = std::env::var_os(crate::env::CRASH_AT) else { return };
    let file = path.and_then(Path::file_name).map(|file| format!(" {}", file.to_string_lossy()));
    if *wanted == *format!("{name}{}", file.unwrap_or_default()) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(not(debug_assertions))]
const fn crash_if(_: &str, _: Option<&Path>) {}
