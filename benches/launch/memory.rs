//! Memory of processes, as the kernel counts it.

use std::{fs, io};

/// Bytes of one process (`smaps_rollup`, `proc_pid_smaps(5)`).
pub struct Memory {
    pub resident: u64,
    /// Shared pages counted in shares.
    pub proportional: u64,
    /// Pages that nobody else has.
    pub private: u64,
}

impl Memory {
    pub fn of(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            kilobytes.unwrap_or_default() * 1024
        };
        Ok(Self {
            resident: bytes("Rss:"),
            proportional: bytes("Pss:"),
            private: bytes("Private_Clean:") + bytes("Private_Dirty:"),
        })
    }
}

/// With one digit behind the point.
pub fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}
