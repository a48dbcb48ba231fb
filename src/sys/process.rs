//! Starting programs.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::{env, ptr};

use super::signals;

/// Replaces this process by `program`, keeping the environment. Returns only the error.
pub fn execute(program: &OsStr, name: &OsStr, arguments: &[OsString]) -> io::Error {
    let strings: Result<Vec<CString>, _> =
        [name].into_iter().chain(arguments.iter().map(OsString::as_os_str)).map(c_string).collect();
    let (Ok(program), Ok(strings)) = (c_string(program), strings) else {
        return io::Error::new(io::ErrorKind::InvalidInput, "an argument holds a NUL byte");
    };
    let pointers: Vec<*const libc::c_char> =
        strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
    // SAFETY: both are NUL-terminated and outlive the call.
    unsafe { libc::execv(program.as_ptr(), pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Replaces this process by `program` with this environment of `NAME=value` entries. Returns only the error.
pub fn execute_with(program: &OsStr, arguments: &[OsString], environment: &[OsString]) -> io::Error {
    let words = [program].into_iter().chain(arguments.iter().map(OsString::as_os_str)).map(c_string).collect();
    let entries = environment.iter().map(|entry| c_string(entry)).collect();
    let (Ok(words), Ok(entries)): (Result<Vec<_>, _>, Result<Vec<_>, _>) = (words, entries) else {
        return io::Error::new(io::ErrorKind::InvalidInput, "an argument holds a NUL byte");
    };
    let pointers =
        |strings: &[CString]| -> Vec<_> { strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect() };
    let (for_words, for_entries) = (pointers(&words), pointers(&entries));
    // SAFETY: all are NUL-terminated and outlive the call.
    unsafe { libc::execve(words[0].as_ptr(), for_words.as_ptr(), for_entries.as_ptr()) };
    io::Error::last_os_error()
}

fn c_string(text: &OsStr) -> Result<CString, std::ffi::NulError> {
    CString::new(text.as_bytes())
}

/// A process and all that it and its children have started, as far as they have not been left to others (proc(5)).
pub fn with_descendants(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(parent) = all.get(at).copied() {
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

/// As many descriptors as a [`Command`] can hand on.
pub const MOST_DESCRIPTORS: RawFd = 8;

/// A program for [`spawn`], with everything that it inherits stated.
pub struct Command {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// `NAME=value` entries.
    pub environment: Vec<OsString>,
    /// Its descriptors 0, 1, 2 …; at most [`MOST_DESCRIPTORS`], and it gets no others.
    pub descriptors: Vec<OwnedFd>,
    /// Numbers below this that are not among `descriptors` are occupied by duplicates of descriptor 0.
    pub occupied_below: RawFd,
    /// A session of its own, else a process group of its own in the parent's: only there can it be stopped, since the
    /// kernel does not stop orphaned groups (`setpgid(2)`).
    pub own_session: bool,
}

/// The error of a program that could not be started.
pub type Refused = io::Error;

/// Starts a program in a session or process group of its own, in folder `/`, with default signals and no other descriptor than those
/// given. Returns its process id. The caller is its parent.
pub fn spawn(command: &Command) -> Result<u32, Refused> {
    let prepared = Prepared::new(command)?;
    // SAFETY: between fork and exec the child makes only async-signal-safe calls on memory prepared before.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => prepared.become_it(),
        pid => Ok(pid.unsigned_abs()),
    }
}

/// Like [`spawn`], but as nobody's child: the caller gets no process to wait for.
pub fn spawn_detached(command: &Command) -> Result<(), Refused> {
    let prepared = Prepared::new(command)?;
    // SAFETY: as in `spawn`; the middle process only forks and leaves.
    unsafe {
        match libc::fork() {
            -1 => Err(io::Error::last_os_error()),
            0 => match libc::fork() {
                0 => prepared.become_it(),
                pid => libc::_exit(i32::from(pid < 0)),
            },
            pid => {
                let mut status = 0;
                libc::waitpid(pid, &raw mut status, 0);
                if status == 0 { Ok(()) } else { Err(io::Error::other("fork failed")) }
            }
        }
    }
}

/// Everything that needs memory, got before the fork.
struct Prepared {
    program: CString,
    _strings: Vec<CString>,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    descriptors: Vec<RawFd>,
    occupied_below: RawFd,
    own_session: bool,
}

impl Prepared {
    fn new(command: &Command) -> io::Result<Self> {
        let name = [command.program.as_os_str().to_owned()];
        let arguments = strings(name.iter().chain(&command.arguments))?;
        let environment = strings(command.environment.iter())?;
        let pointers = |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect();
        let (for_arguments, for_environment) = (pointers(&arguments), pointers(&environment));
        Ok(Self {
            program: c_string(command.program.as_os_str())?,
            arguments: for_arguments,
            environment: for_environment,
            _strings: arguments.into_iter().chain(environment).collect(),
            descriptors: command.descriptors.iter().map(OwnedFd::as_raw_fd).collect(),
            occupied_below: command.occupied_below,
            own_session: command.own_session,
        })
    }

    /// In the child: never returns.
    fn become_it(&self) -> ! {
        // SAFETY: async-signal-safe calls only, on memory that was prepared before the fork.
        unsafe {
            if self.own_session {
                libc::setsid();
            } else {
                libc::setpgid(0, 0);
            }
            libc::chdir(c"/".as_ptr());
            libc::umask(0o022);
            signals::reset_all();
            self.place_descriptors();
            libc::execve(self.program.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr());
            libc::_exit(127);
        }
    }

    /// Moves each descriptor up first, so that none is overwritten before its turn, and closes all others.
    unsafe fn place_descriptors(&self) {
        let mut moved = [-1; MOST_DESCRIPTORS as usize];
        // SAFETY: as in `become_it`.
        unsafe {
            for (slot, from) in moved.iter_mut().zip(&self.descriptors) {
                *slot = libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, MOST_DESCRIPTORS);
            }
            let mut next = 0;
            for from in moved.into_iter().filter(|from| *from >= 0) {
                libc::dup2(from, next);
                next += 1;
            }
            close_from(next);
            for number in next..self.occupied_below {
                libc::dup2(0, number);
            }
        }
    }
}

/// Closes all descriptors from `first` on: at once from Linux 5.9, else one by one.
unsafe fn close_from(first: RawFd) {
    // SAFETY: the caller is about to execute another program and uses none of them.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) != 0 {
            for number in first..4096 {
                libc::close(number);
            }
        }
    }
}

fn strings<'a>(items: impl Iterator<Item = &'a OsString>) -> io::Result<Vec<CString>> {
    Ok(items.map(|item| c_string(item)).collect::<Result<_, _>>()?)
}

/// Says, beside a program of ours that was copied away from its siblings, where those are.
pub const PROGRAMS_FILE: &str = ".jlapp-programs";

/// The folder of the running program, links resolved, where its siblings are; or where those of a copy are.
pub fn own_folder() -> io::Result<PathBuf> {
    let path = env::current_exe()?;
    let folder = path.parent().ok_or_else(|| io::Error::other("the running program has no folder"))?;
    if folder.join("jlshim").exists() {
        return Ok(folder.to_owned());
    }
    let programs = std::fs::read(folder.join(PROGRAMS_FILE)).map(|path| PathBuf::from(OsString::from_vec(path)));
    Ok(programs.unwrap_or_else(|_| folder.to_owned()))
}

/// Environment as `NAME=value` bytes, in order and unchanged, also entries without `=`.
pub fn environment_block() -> Vec<Vec<u8>> {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let mut block = Vec::new();
    // SAFETY: the block is NULL-terminated, and nothing in the thin programs changes it (environ(7)).
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            block.push(std::ffi::CStr::from_ptr(*at).to_bytes().to_vec());
            at = at.add(1);
        }
    }
    block
}

/// Arguments as the kernel gave them, for a program that has its own `main`.
///
/// # Safety
/// `words` must hold `count` C strings, as `main` gets them.
pub unsafe fn arguments(count: i32, words: *const *const libc::c_char) -> Vec<OsString> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: by contract.
    let text = |at| unsafe { std::ffi::CStr::from_ptr(*words.add(at)) };
    (0..count).map(|at| OsString::from_vec(text(at).to_bytes().to_vec())).collect()
}

/// A descriptor that becomes readable when process `pid` has ended (`pidfd_open(2)`, Linux 5.3).
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: plain system call; the result is checked before it is owned.
    let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let number = i32::try_from(number).unwrap_or(-1);
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The wait status of child `pid` if it has ended (waitpid(2)), taking it away.
pub fn reap(pid: u32) -> Option<i32> {
    let pid = i32::try_from(pid).ok()?;
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let reaped = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
    (reaped == pid).then_some(status)
}

/// The signal that has stopped child `pid` since it was last asked (waitid(2)).
pub fn stopped_by(pid: u32) -> Option<i32> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = Pid::from_raw(pid.cast_signed())?;
    let status = waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG).ok()??;
    status.stopped().then(|| status.stopping_signal()).flatten()
}

/// What a wait status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Exited(i32),
    Killed(i32),
}

impl Ending {
    /// Decodes a status of waitpid(2).
    pub fn from_status(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Killed(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }
}

/// Orphans below this process become its children (`PR_SET_CHILD_SUBREAPER`, prctl(2)).
pub fn adopt_orphans() {
    // SAFETY: plain system call.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// The umask, which can only be read by setting it.
pub fn umask() -> u32 {
    // SAFETY: plain system calls; the thin programs have one thread, so nobody sees the moment in between.
    unsafe {
        let mask = libc::umask(0o077);
        libc::umask(mask);
        mask
    }
}

/// Session and process group.
pub fn place() -> (u32, u32) {
    // SAFETY: plain system calls.
    let (session, group) = unsafe { (libc::getsid(0), libc::getpgrp()) };
    (session.unsigned_abs(), group.unsigned_abs())
}

/// Standard input is this session's terminal and this process is in its background.
pub fn in_background() -> bool {
    // SAFETY: plain system calls; -1 means that descriptor 0 is not our controlling terminal.
    let foreground = unsafe { libc::tcgetpgrp(0) };
    // SAFETY: as above.
    foreground >= 0 && foreground != unsafe { libc::getpgrp() }
}
