//! Starting programs.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::{env, ptr};

use super::call::{checked, system_call};
use super::signals;

/// Replaces this process by `program`, keeping the environment. Returns only the error.
pub fn execute(program: &OsStr, name: &OsStr, arguments: &[OsString]) -> io::Error {
    let words = strings([name].into_iter().chain(arguments.iter().map(OsString::as_os_str)));
    // SAFETY: it is the process's own.
    words.map_or_else(|error| error, |words| execute_as(program, &words, unsafe { environ }))
}

/// Replaces this process by `program` with this environment of `NAME=value` entries. Returns only the error.
pub fn execute_with(program: &OsStr, arguments: &[OsString], environment: &[OsString]) -> io::Error {
    let words = strings([program].into_iter().chain(arguments.iter().map(OsString::as_os_str)));
    let entries = strings(environment.iter().map(OsString::as_os_str));
    match (words, entries) {
        (Ok(words), Ok(entries)) => execute_as(program, &words, pointers(&entries).as_ptr()),
        (Err(error), _) | (_, Err(error)) => error,
    }
}

fn execute_as(program: &OsStr, words: &[CString], environment: *const *const libc::c_char) -> io::Error {
    let Ok(program) = c_string(program) else { return io::ErrorKind::InvalidInput.into() };
    // SAFETY: all are NUL-terminated and outlive the call.
    unsafe { execute_raw(&program, &pointers(words), environment) }
}

/// execve(2), which returns only where it failed.
///
/// # Safety
/// The environment is such as [`environ`]; the words end with a null pointer.
unsafe fn execute_raw(
    program: &CStr,
    words: &[*const libc::c_char],
    environment: *const *const libc::c_char,
) -> io::Error {
    let arguments =
        [program.as_ptr().expose_provenance(), words.as_ptr().expose_provenance(), environment.expose_provenance()];
    // SAFETY: by contract.
    let answer = unsafe { system_call(libc::SYS_execve, arguments) };
    checked(answer).err().unwrap_or_else(|| io::ErrorKind::Other.into())
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "an argument holds a NUL byte"))
}

fn strings<'a>(items: impl Iterator<Item = &'a OsStr>) -> io::Result<Vec<CString>> {
    items.map(c_string).collect()
}

/// With a null pointer at the end.
fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
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
    // SAFETY: between fork and exec the child makes only system calls, on memory prepared before.
    match unsafe { fork()? } {
        None => prepared.become_it(),
        Some(pid) => Ok(pid),
    }
}

/// Like [`spawn`], but as nobody's child: the caller gets no process to wait for.
pub fn spawn_detached(command: &Command) -> Result<(), Refused> {
    let prepared = Prepared::new(command)?;
    // SAFETY: as in `spawn`; the middle process only forks and leaves.
    unsafe {
        match fork()? {
            None => match fork() {
                Ok(None) => prepared.become_it(),
                forked => exit(i32::from(forked.is_err())),
            },
            Some(pid) if wait_for(pid) == Some(Ending::Exited(0)) => Ok(()),
            Some(_) => Err(io::Error::other("fork failed")),
        }
    }
}

/// Runs a program of ours and returns what it wrote on standard output, and how it ended where that can be known: where whoever started
/// us ignores SIGCHLD it cannot. It has our other descriptors, or /dev/null for an input.
///
/// # Errors
/// It cannot be executed, as far as that can be told before.
pub fn output(program: &Path, arguments: &[OsString], reads_input: bool) -> io::Result<(Vec<u8>, Option<Ending>)> {
    rustix::fs::access(program, rustix::fs::Access::EXEC_OK)?;
    let words = strings([program.as_os_str()].into_iter().chain(arguments.iter().map(OsString::as_os_str)))?;
    let (name, words) = (&words[0], pointers(&words));
    let (from, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let no_input = rustix::fs::open("/dev/null", rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty())?;
    // SAFETY: as in `spawn`.
    let Some(pid) = (unsafe { fork()? }) else {
        // SAFETY: as in `spawn`; the descriptors are this process's own.
        unsafe {
            if !reads_input {
                duplicate(no_input.as_raw_fd(), 0);
            }
            duplicate(to.as_raw_fd(), 1);
            execute_raw(name, &words, environ);
        }
        exit(crate::exit::CANNOT_EXECUTE)
    };
    drop(to);
    let mut text = Vec::new();
    File::from(from).read_to_end(&mut text)?;
    Ok((text, wait_for(pid)))
}

/// fork(2), without what the C library does around it: the child may make system calls, and nothing else.
///
/// # Safety
/// As said.
unsafe fn fork() -> io::Result<Option<u32>> {
    // SAFETY: by contract; no new stack, so it goes on here in both processes.
    let pid = unsafe { system_call(libc::SYS_clone, [libc::SIGCHLD.unsigned_abs() as usize, 0, 0, 0, 0]) };
    Ok(u32::try_from(checked(pid)?).ok().filter(|pid| *pid > 0))
}

/// How a child ended; nothing where nobody was told.
fn wait_for(pid: u32) -> Option<Ending> {
    use rustix::process::{Pid, WaitOptions, waitpid};
    let pid = Pid::from_raw(pid.cast_signed());
    loop {
        match waitpid(pid, WaitOptions::empty()) {
            Ok(Some((_, status))) => return Some(Ending::from_status(status.as_raw())),
            Err(rustix::io::Errno::INTR) => {}
            _ => return None,
        }
    }
}

/// Gives a descriptor another number as well, which programs inherit.
///
/// # Safety
/// Whoever has that number.
unsafe fn duplicate(from: RawFd, to: RawFd) {
    // SAFETY: it touches no memory of ours.
    unsafe { system_call(libc::SYS_dup3, [number(from), number(to), 0]) };
}

fn number(descriptor: RawFd) -> usize {
    descriptor.unsigned_abs() as usize
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
        let words = command.arguments.iter().map(OsString::as_os_str);
        let arguments = strings([command.program.as_os_str()].into_iter().chain(words))?;
        let environment = strings(command.environment.iter().map(OsString::as_os_str))?;
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
        // SAFETY: system calls only, on memory that was prepared before the fork.
        unsafe {
            if self.own_session {
                system_call(libc::SYS_setsid, []);
            } else {
                system_call(libc::SYS_setpgid, [0, 0]);
            }
            system_call(libc::SYS_chdir, [c"/".as_ptr().expose_provenance()]);
            system_call(libc::SYS_umask, [0o022]);
            signals::reset_all();
            self.place_descriptors();
            execute_raw(&self.program, &self.arguments, self.environment.as_ptr());
            exit(crate::exit::NOT_FOUND)
        }
    }

    /// Moves each descriptor up first, so that none is overwritten before its turn, and closes all others.
    unsafe fn place_descriptors(&self) {
        let mut moved = [None; MOST_DESCRIPTORS as usize];
        // SAFETY: as in `become_it`.
        unsafe {
            for (slot, from) in moved.iter_mut().zip(&self.descriptors) {
                let arguments = [number(*from), number(libc::F_DUPFD_CLOEXEC), number(MOST_DESCRIPTORS)];
                *slot = i32::try_from(system_call(libc::SYS_fcntl, arguments)).ok().filter(|number| *number >= 0);
            }
            let mut next = 0;
            for from in moved.into_iter().flatten() {
                duplicate(from, next);
                next += 1;
            }
            close_from(next);
            for number in next..self.occupied_below {
                duplicate(0, number);
            }
        }
    }
}

/// Closes all descriptors from `first` on: at once from Linux 5.9, else one by one.
unsafe fn close_from(first: RawFd) {
    // SAFETY: the caller is about to execute another program and uses none of them.
    unsafe {
        if system_call(libc::SYS_close_range, [number(first), u32::MAX as usize, 0]) != 0 {
            for other in first..4096 {
                system_call(libc::SYS_close, [number(other)]);
            }
        }
    }
}

/// Ends this process, without anything that the C library does at its end.
fn exit(status: i32) -> ! {
    super::freestanding::exit(status)
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

unsafe extern "C" {
    /// The entries of the environment, with a null pointer at the end (environ(7)). Nothing in the thin programs changes it.
    pub(super) static mut environ: *const *const libc::c_char;
}

/// Environment as `NAME=value` bytes, in order and unchanged, also entries without `=`.
pub fn environment_block() -> Vec<Vec<u8>> {
    let mut block = Vec::new();
    // SAFETY: as `environ` has it.
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

/// The umask, which can only be read by setting it: the thin programs have one thread, so nobody sees the moment in between.
pub fn umask() -> u32 {
    use rustix::{fs::Mode, process::umask};
    let mask = umask(Mode::RWXG | Mode::RWXO);
    umask(mask);
    mask.bits()
}

/// Session and process group; 0 where they are not of this process's pid namespace.
pub fn place() -> (u32, u32) {
    // SAFETY: plain system calls.
    let [session, group] = unsafe { [system_call(libc::SYS_getsid, [0]), system_call(libc::SYS_getpgid, [0])] };
    (u32::try_from(session).unwrap_or(0), u32::try_from(group).unwrap_or(0))
}

/// Standard input is this session's terminal and this process is in its background.
pub fn in_background() -> bool {
    let mut foreground = 0_u32;
    let arguments = [0, usize::try_from(libc::TIOCGPGRP).unwrap_or(0), (&raw mut foreground).expose_provenance()];
    // SAFETY: it outlives the call, which is refused where descriptor 0 is not our controlling terminal (tty_ioctl(4)).
    let answer = unsafe { system_call(libc::SYS_ioctl, arguments) };
    answer == 0 && foreground != place().1
}
