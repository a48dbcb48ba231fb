//! Resource limits of processes (prlimit(2)).

use std::io;
use std::ptr;

/// Resources of Linux, `RLIMIT_CPU` to `RLIMIT_RTTIME` (include/uapi/asm-generic/resource.h).
const RESOURCES: libc::__rlimit_resource_t = 16;

/// Soft and hard limit of each resource of process `pid`, by resource number; `u64::MAX` is unlimited.
///
/// # Errors
/// The process has gone or is not ours to ask.
pub fn of_process(pid: u32) -> io::Result<Vec<(u64, u64)>> {
    (0..RESOURCES).map(|resource| of_resource(pid, resource)).collect()
}

fn of_resource(pid: u32, resource: libc::__rlimit_resource_t) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a null new limit only asks; `limit` outlives the call.
    let answer = unsafe { libc::prlimit(pid.cast_signed(), resource, ptr::null(), &raw mut limit) };
    if answer == 0 { Ok((limit.rlim_cur, limit.rlim_max)) } else { Err(io::Error::last_os_error()) }
}

/// The number of `RLIMIT_STACK`.
pub const STACK: usize = libc::RLIMIT_STACK as usize;

/// Niceness of process `pid` (getpriority(2)).
pub fn niceness(pid: u32) -> i32 {
    // SAFETY: plain system call; -1 is both an answer and an error, and a vanished process's niceness matters to nobody.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, pid) }
}

/// The policy that processes have by themselves (`SCHED_OTHER`).
pub const NORMAL_POLICY: i32 = libc::SCHED_OTHER;

/// Scheduling policy of process `pid` (sched(7)); negative when it has gone.
pub fn scheduling_policy(pid: u32) -> i32 {
    // SAFETY: plain system call.
    unsafe { libc::sched_getscheduler(pid.cast_signed()) }
}
