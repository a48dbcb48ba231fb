//! The Julia that takes this process's place where no worker serves it.
//!
//! Where there are toolchains, or one was asked for, `jlapp` says which: it stands beside this program and reads their
//! records. Elsewhere: `JULIA_DAEMON_WORKER_EXECUTABLE`, else `julia` on `PATH`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env as process_env, fs};

use super::Attempt;
use super::direct::complain;
use crate::sys::process::{self, Ending};
use crate::{env, exit};

/// Splits `+channel` off: it counts as first argument alone.
pub(super) fn split_channel(mut arguments: Vec<OsString>) -> (Option<OsString>, Vec<OsString>) {
    let channel = arguments.first().and_then(|first| first.as_bytes().strip_prefix(b"+"));
    let channel = channel.map(|channel| OsString::from_vec(channel.to_vec()));
    if channel.is_some() {
        arguments.remove(0);
    }
    (channel, arguments)
}

/// The Julia to execute, and arguments that come before the launch's own; for an app all of them.
///
/// # Errors
/// The exit status to end with; the user has been told why.
pub(super) fn plain(attempt: &Attempt) -> Result<Vec<OsString>, i32> {
    if attempt.channel.is_some() || attempt.app.is_some() || may_have_toolchains() {
        return ask_jlapp(attempt);
    }
    find_julia().map(|julia| vec![julia]).map_err(|name| {
        complain(&format!(
            "no `{}` found on PATH; get one with `jlapp julia add release`, or set {} to its path",
            name.display(),
            env::WORKER_EXECUTABLE,
        ));
        exit::NOT_FOUND
    })
}

/// Whether `toolchain::Toolchains` might pick another Julia than [`find_julia`]: it has records to read, or a channel.
fn may_have_toolchains() -> bool {
    let variable = |name| process_env::var_os(name);
    let depot = variable(env::JULIAUP_DEPOT_PATH).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(variable(env::HOME)?)).filter(|path| path.is_absolute());
    let Some(depot) = depot.or_else(|| Some(home()?.join(".julia"))) else { return true };
    variable(env::JULIAUP_CHANNEL).is_some()
        || ["juliaup/juliaup.json", "jlapp/toolchains.json"].iter().any(|record| depot.join(record).exists())
}

/// `jlapp resolve`, which prints words that end in NUL, or says itself what is wrong. It reads our input only where
/// that is a terminal and it has asked whether to install what is missing.
fn ask_jlapp(attempt: &Attempt) -> Result<Vec<OsString>, i32> {
    let option = |name: &'static str, value: &Option<OsString>| value.clone().map(|value| [name.into(), value]);
    let mut words: Vec<OsString> = vec!["resolve".into()];
    words.extend(option("--channel", &attempt.channel).into_iter().flatten());
    words.extend(option("--app", &attempt.app).into_iter().flatten());
    words.extend(["--".into()].into_iter().chain(attempt.arguments.iter().cloned()));
    let (text, ending) = run_jlapp(&words, true)?;
    let words = text.split_inclusive(|byte| *byte == 0);
    let words: Vec<OsString> =
        words.filter_map(|word| Some(OsString::from_vec(word.strip_suffix(b"\0")?.to_vec()))).collect();
    if words.is_empty() { Err(failure(ending)) } else { Ok(words) }
}

/// Runs the `jlapp` beside this program, which knows channels and apps; returns what it wrote and how it ended.
///
/// # Errors
/// The exit status to end with; the user has been told why.
pub(super) fn run_jlapp(words: &[OsString], reads_input: bool) -> Result<(Vec<u8>, Option<Ending>), i32> {
    let program = process::own_folder().unwrap_or_default().join("jlapp");
    process::output(&program, words, reads_input).map_err(|error| {
        complain(&format!("cannot execute {}, which knows channels and apps: {error}", program.display()));
        exit::CANNOT_EXECUTE
    })
}

/// The exit status to end with where `jlapp` had no answer.
pub(super) fn failure(ending: Option<Ending>) -> i32 {
    match ending {
        Some(Ending::Exited(code @ 1..)) => code,
        _ => exit::FAILURE,
    }
}

/// Absolute path of the Julia to run, else the name that was looked for. Links are left as they are, since Julia resolves
/// them itself.
fn find_julia() -> Result<OsString, OsString> {
    let name = process_env::var_os(env::WORKER_EXECUTABLE).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "julia".into());
    if name.as_bytes().contains(&b'/') {
        return Ok(std::path::absolute(&name).map_or(name, PathBuf::into_os_string));
    }
    let path = process_env::var_os(env::PATH).unwrap_or_default();
    let found = process_env::split_paths(&path).map(|folder| folder.join(&name)).find(|file| is_other_program(file));
    found.map(|file| std::path::absolute(&file).unwrap_or(file).into_os_string()).ok_or(name)
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
