//! Signals as numbers and sets (signal(7)).

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use super::call::{checked, system_call};

pub use libc::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH};

/// Signals that end a process which does nothing about them and that nobody relays; those of its own faults apart (signal(7)).
pub const ENDING: [i32; 9] = [
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGPIPE,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
];

/// What a new process would inherit from this one.
#[derive(Debug, Clone, Copy)]
pub struct Inherited {
    /// Ignored signals, bit `n - 1` for signal `n`.
    pub ignored: u64,
    /// Blocked signals, likewise.
    pub blocked: u64,
}

/// A signal's disposition, as the kernel keeps it (`struct sigaction`, sigaction(2), "C library/kernel differences").
#[repr(C)]
#[derive(Default)]
struct Action {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// The kernel's sets have a bit for each of its 64 signals.
const SET_BYTES: usize = size_of::<u64>();

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn set_of(signals: &[i32]) -> u64 {
    signals.iter().map(|signal| bit(*signal)).fold(0, |set, bit| set | bit)
}

fn number(signal: i32) -> usize {
    signal.unsigned_abs() as usize
}

/// Reads this process's dispositions and mask.
pub fn inherited() -> Inherited {
    Inherited {
        ignored: (1..=64).filter(|signal| is_ignored(*signal)).map(bit).sum(),
        blocked: change_mask(libc::SIG_BLOCK, None),
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = Action::default();
    let arguments = [number(signal), 0, (&raw mut action).expose_provenance(), SET_BYTES];
    // SAFETY: without a new action it only asks; `action` outlives the call.
    let answer = unsafe { system_call(libc::SYS_rt_sigaction, arguments) };
    answer == 0 && action.handler == libc::SIG_IGN
}

/// The default disposition, which runs no code of ours. Refused for SIGKILL and SIGSTOP.
fn set_default(signal: i32) {
    let action = Action::default();
    let arguments = [number(signal), (&raw const action).expose_provenance(), 0, SET_BYTES];
    // SAFETY: `action` outlives the call, and zeros are SIG_DFL.
    unsafe { system_call(libc::SYS_rt_sigaction, arguments) };
}

/// Blocks signals for the calling thread.
pub fn block(signals: &[i32]) {
    change_mask(libc::SIG_BLOCK, Some(set_of(signals)));
}

/// Unblocks signals; those that wait are delivered before this returns.
pub fn unblock(signals: &[i32]) {
    change_mask(libc::SIG_UNBLOCK, Some(set_of(signals)));
}

/// Changes the calling thread's mask; returns what it was.
fn change_mask(how: i32, set: Option<u64>) -> u64 {
    let (new, mut before) = (set.as_ref().map_or(ptr::null(), ptr::from_ref), 0_u64);
    let arguments = [number(how), new.expose_provenance(), (&raw mut before).expose_provenance(), SET_BYTES];
    // SAFETY: both outlive the call.
    unsafe { system_call(libc::SYS_rt_sigprocmask, arguments) };
    before
}

/// Gives back the mask and dispositions that this process was started with, so that an executed program gets them.
pub fn restore(inherited: Inherited) {
    change_mask(libc::SIG_SETMASK, Some(inherited.blocked));
}

/// Sets default dispositions for everything and an empty mask: what a daemon should start with.
///
/// It makes system calls and nothing else, so it is usable between fork and exec.
pub fn reset_all() {
    (1..=64).for_each(set_default);
    change_mask(libc::SIG_SETMASK, Some(0));
}

/// A signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub signal: i32,
    /// Sent by the kernel (a terminal's key, a hang-up), rather than by a process with kill(2).
    pub from_kernel: bool,
}

/// Signals as something to poll (signalfd(2)). The signals must be blocked.
pub struct SignalStream(OwnedFd);

impl SignalStream {
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let (set, flags) = (set_of(signals), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        let arguments = [usize::MAX, (&raw const set).expose_provenance(), SET_BYTES, number(flags)];
        // SAFETY: `set` outlives the call.
        let answer = checked(unsafe { system_call(libc::SYS_signalfd4, arguments) })?;
        let descriptor = i32::try_from(answer).map_err(io::Error::other)?;
        // SAFETY: the kernel has just made it for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// The next signal that has arrived, or `None`.
    pub fn next(&self) -> Option<Arrival> {
        let mut bytes = [0; size_of::<libc::signalfd_siginfo>()];
        let whole = rustix::io::read(&self.0, &mut bytes).ok()? == bytes.len();
        // Number, error and code come first, four bytes each.
        let [n0, n1, n2, n3, _, _, _, _, c0, c1, c2, c3, ..] = bytes;
        let (signal, code) = (i32::from_ne_bytes([n0, n1, n2, n3]), i32::from_ne_bytes([c0, c1, c2, c3]));
        whole.then_some(Arrival { signal, from_kernel: code > 0 })
    }

    pub fn as_descriptor(&self) -> &OwnedFd {
        &self.0
    }
}

/// Ends this process by `signal`, as its parent should see it; without a core file, which the program has left already.
pub fn die_by(signal: i32) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    set_default(signal);
    raise(signal);
    unblock(&[signal]);
}

/// Stops this process as the terminal's suspend key would; returns when it is continued.
pub fn stop_here() {
    raise(SIGTSTP);
    unblock(&[SIGTSTP]);
    block(&[SIGTSTP]);
}

/// Sends a signal to the calling thread (raise(3)).
fn raise(signal: i32) {
    let (process, thread) = (rustix::process::getpid(), rustix::thread::gettid());
    let [process, thread] = [process, thread].map(|pid| number(pid.as_raw_nonzero().get()));
    // SAFETY: it touches no memory of ours.
    unsafe { system_call(libc::SYS_tgkill, [process, thread, number(signal)]) };
}

/// Sends a signal to a process or, negative, a process group. A process that has gone is not an error.
pub fn send(target: i32, signal: i32) {
    // SAFETY: kill(2) touches no memory of ours.
    unsafe { system_call(libc::SYS_kill, [target.cast_unsigned() as usize, number(signal)]) };
}
