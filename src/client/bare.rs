//! Native apps as [`super::native`] runs them, by a program without the C library, which would take longer to start than many of
//! them run. What is not as usual is left to `jlshim`.

use std::mem::{ManuallyDrop, MaybeUninit};

use rustix::fs::{CWD, Mode, OFlags};

use super::plan::{self, Fields};
use crate::sys::freestanding::{Start, Text, Words};
use crate::{env, exit};

/// So many bytes of a plan, entries of the environment and bytes of one, and bytes of a path: more is unusual.
const MOST_OF_PLAN: usize = 16 << 10;
const MOST_ENTRIES: usize = 1024;
const MOST_OF_ENTRY: usize = 8 << 10;
const MOST_OF_PATH: usize = 4096;

/// Runs the native app whose shim this is: the first argument, which the kernel puts there.
pub fn run(mut start: Start) -> ! {
    let _ = execute_app(&mut start);
    let _ = execute_shim(&mut start);
    start.exit(exit::CANNOT_EXECUTE.to_le_bytes()[0])
}

/// Returns where something is not as usual.
fn execute_app(start: &mut Start) -> Option<()> {
    // A trace is written by others.
    if variable(start, env::DAEMON_TRACE).is_some() {
        return None;
    }
    let (depot, app) = depot_and_app(start.argument(1)?.to_bytes())?;
    let path = Text::<MOST_OF_PATH>::of(&[depot, b"/", plan::FOLDER.as_bytes(), b"/", app])?;
    // Closed by execve(2): closing it before would be a call into the library.
    let file =
        ManuallyDrop::new(rustix::fs::open(path.c_string()?, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?);
    let mut buffer = [const { MaybeUninit::uninit() }; MOST_OF_PLAN];
    // A file that is cut off does not end as it has to.
    let (bytes, _) = rustix::io::read(&*file, &mut buffer[..]).ok()?;
    let plan = Fields::of(bytes).filter(|plan| plan.depot.to_bytes() == depot && plan.holds())?;
    let added = [(env::PATH, plan.path.to_bytes()), (env::LD_LIBRARY_PATH, plan.library_path.to_bytes())];
    let mut environment = Words::<MOST_ENTRIES>::new();
    for entry in start.environment() {
        let is_replaced =
            added.iter().any(|(name, folders)| !folders.is_empty() && value(entry.to_bytes(), name).is_some());
        if !is_replaced {
            environment.push(entry)?;
        }
    }
    let [path, library_path] = added.map(|(name, folders)| with_users(start, name, folders));
    let (path, library_path) = (path?, library_path?);
    for entry in [&path, &library_path] {
        if !entry.bytes().is_empty() {
            environment.push(entry.c_string()?)?;
        }
    }
    start.execute(plan.program, 1, &environment);
    None
}

/// An entry with the user's folders behind these; empty where there are none.
fn with_users(start: &Start, name: &str, folders: &[u8]) -> Option<Text<MOST_OF_ENTRY>> {
    let users = variable(start, name).filter(|users| !users.is_empty());
    match users {
        _ if folders.is_empty() => Text::of(&[]),
        Some(users) => Text::of(&[name.as_bytes(), b"=", folders, b":", users]),
        None => Text::of(&[name.as_bytes(), b"=", folders]),
    }
}

fn variable(start: &Start, name: &str) -> Option<&'static [u8]> {
    start.environment().find_map(|entry| value(entry.to_bytes(), name))
}

fn value<'a>(entry: &'a [u8], name: &str) -> Option<&'a [u8]> {
    entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// `/depot/bin/app`, as it is found on PATH.
fn depot_and_app(shim: &[u8]) -> Option<(&[u8], &[u8])> {
    let last = |path: &[u8]| path.iter().rposition(|byte| *byte == b'/');
    let (folder, app) = shim.split_at_checked(last(shim)?)?;
    let depot = folder.get(..last(folder)?)?;
    depot.starts_with(b"/").then_some((depot, app.get(1..)?))
}

/// `jlshim` in the place of this program, with the same arguments.
fn execute_shim(start: &mut Start) -> Option<()> {
    let mut buffer = [const { MaybeUninit::uninit() }; MOST_OF_PATH];
    let (own, _) = rustix::fs::readlinkat_raw(CWD, c"/proc/self/exe", &mut buffer[..]).ok()?;
    let folder = own.get(..own.iter().rposition(|byte| *byte == b'/')?)?;
    let shim = Text::<MOST_OF_PATH>::of(&[folder, b"/jlshim"])?;
    start.execute_instead(shim.c_string()?);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_lies_in_a_depot() {
        assert_eq!(depot_and_app(b"/home/me/.julia/bin/lld"), Some((&b"/home/me/.julia"[..], &b"lld"[..])));
        assert_eq!(depot_and_app(b"bin/lld"), None);
        assert_eq!(depot_and_app(b"./bin/lld"), None);
        assert_eq!(depot_and_app(b"/lld"), None);
    }
}
