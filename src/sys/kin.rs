//! Processes by an entry of their environment: so what a program has started is found, whoever is its parent by now.

use std::fs;

/// Processes other than this one that were started with `NAME=value` in their environment (proc_pid_environ(5)), as far as
/// they may be looked at.
pub fn with_entry(entry: &str) -> Vec<u32> {
    let numbered = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(numbered);
    pids.filter(|pid| *pid != std::process::id() && has_entry(*pid, entry.as_bytes())).collect()
}

fn has_entry(pid: u32, entry: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|other| other == entry)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_is_found() {
        let mut command = Command::new("cat");
        let mut child = command.env("KIN_OF_A_TEST", "1").stdin(Stdio::piped()).spawn().unwrap();
        // Right after a program was executed the kernel does not know its environment yet.
        let found = (0..5000).map(|_| with_entry("KIN_OF_A_TEST=1")).find(|found| !found.is_empty());
        assert_eq!(found, Some(vec![child.id()]));
        assert_eq!(with_entry("KIN_OF_A_TEST=2"), Vec::<u32>::new());
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
