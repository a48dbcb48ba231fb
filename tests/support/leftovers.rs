//! Processes that belong to a world: those with its folder in their environment or command line.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A process, as a failure message shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub command_line: String,
}

/// All living processes whose environment or command line names `folder`.
pub fn processes_of(folder: &Path) -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let below = [folder.as_os_str().as_bytes(), b"/"].concat();
    pids.filter(|pid| is_alive(*pid) && names(*pid, &below)).map(describe).collect()
}

/// Whether the process exists and is no zombie.
pub fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// The letter of proc(5): `R`, `S`, `T`, `Z` …
pub fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn names(pid: i32, folder: &[u8]) -> bool {
    let holds = |file: &str| {
        fs::read(format!("/proc/{pid}/{file}")).is_ok_and(|text| text.windows(folder.len()).any(|part| part == folder))
    };
    holds("environ") || holds("cmdline")
}

fn describe(pid: i32) -> Process {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command_line = String::from_utf8_lossy(&words).replace('\0', " ");
    Process { pid, command_line: command_line.chars().take(200).collect() }
}
