//! Signals as numbers and sets (signal(7)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

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

/// Reads this process's dispositions and mask.
pub fn inherited() -> Inherited {
    let bit = |signal: i32| 1u64 << (signal - 1);
    let ignored = (1..=64).filter(|signal| is_ignored(*signal)).map(bit).sum();
    let mask = current_mask();
    // SAFETY: `mask` is initialised and signal numbers are in range.
    let blocked = (1..=64).filter(|signal| unsafe { libc::sigismember(&raw const mask, *signal) } == 1).map(bit).sum();
    Inherited { ignored, blocked }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action only asks; the kernel fills `action` or refuses, and zeroes are a valid value.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

fn current_mask() -> libc::sigset_t {
    let mut mask = MaybeUninit::zeroed();
    // SAFETY: a null new set only asks.
    unsafe {
        libc::sigprocmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
        mask.assume_init()
    }
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::zeroed();
    // SAFETY: sigemptyset initialises the set before it is used.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Blocks signals for the calling thread.
pub fn block(signals: &[i32]) {
    change_mask(libc::SIG_BLOCK, signals);
}

/// Unblocks signals; those that wait are delivered before this returns.
pub fn unblock(signals: &[i32]) {
    change_mask(libc::SIG_UNBLOCK, signals);
}

fn change_mask(how: i32, signals: &[i32]) {
    let set = set_of(signals);
    // SAFETY: `set` is initialised.
    unsafe { libc::sigprocmask(how, &raw const set, ptr::null_mut()) };
}

/// Gives back the mask and dispositions that this process was started with, so that an executed program gets them.
pub fn restore(inherited: Inherited) {
    let blocked: Vec<i32> = (1..=64).filter(|signal| inherited.blocked & (1 << (signal - 1)) != 0).collect();
    change_mask(libc::SIG_SETMASK, &blocked);
}

/// Sets default dispositions for everything and an empty mask: what a daemon should start with.
///
/// Async-signal-safe, so usable between fork and exec.
pub fn reset_all() {
    for signal in 1..=64 {
        // SAFETY: default dispositions run no code of ours; refused for SIGKILL, SIGSTOP and libc's own, which is fine.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    change_mask(libc::SIG_SETMASK, &[]);
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
        let set = set_of(signals);
        // SAFETY: `set` is initialised; the result is checked before it is owned.
        let number = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(number) }))
    }

    /// The next signal that has arrived, or `None`.
    pub fn next(&self) -> Option<Arrival> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is of that size, and any bytes are valid in a structure of integers.
        let info = unsafe {
            let got = libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size);
            if usize::try_from(got) != Ok(size) {
                return None;
            }
            info.assume_init()
        };
        let signal = i32::try_from(info.ssi_signo).ok()?;
        Some(Arrival { signal, from_kernel: info.ssi_code > 0 })
    }

    pub fn as_descriptor(&self) -> &OwnedFd {
        &self.0
    }
}

/// Ends this process by `signal`, as its parent should see it; without a core file, which the program has left already.
pub fn die_by(signal: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls; default dispositions run no code of ours.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    unblock(&[signal]);
}

/// Stops this process as the terminal's suspend key would; returns when it is continued.
pub fn stop_here() {
    // SAFETY: the default disposition of SIGTSTP stops the process.
    unsafe { libc::raise(libc::SIGTSTP) };
    unblock(&[SIGTSTP]);
    block(&[SIGTSTP]);
}

/// Sends a signal to a process or, negative, a process group. A process that has gone is not an error.
pub fn send(target: i32, signal: i32) {
    // SAFETY: kill(2) touches no memory of ours.
    unsafe { libc::kill(target, signal) };
}
