//! Processes, as the kernel sees them.

use std::fs;

pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

pub fn is_alive(pid: u32) -> bool {
    // A process that has ended and was not taken away yet counts as ended.
    state(pid).is_some_and(|state| state != 'Z')
}

pub fn is_zombie(pid: u32) -> bool {
    state(pid) == Some('Z')
}

/// Its state, one letter (proc_pid_stat(5)).
fn state(pid: u32) -> Option<char> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit(") ").next()?.chars().next()
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Resident memory in kB (proc_pid_status(5)).
pub fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
