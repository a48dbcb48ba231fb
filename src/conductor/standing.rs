//! What a process is to the kernel, as far as a child of another process cannot be given it.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, readlinkat};

use crate::sys::limits;

/// Read from `/proc/<pid>`, never from what the process says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// Links of `/proc/<pid>/ns` (namespaces(7)).
    namespaces: Vec<Option<CString>>,
    /// Device and inode of the root folder.
    root: (u64, u64),
    /// Lines of `/proc/<pid>/status` about credentials, capabilities and seccomp.
    credentials: Vec<String>,
    /// Processors that it may run on.
    processors: String,
    /// Security label of AppArmor or SELinux; `None` where there is none.
    label: Option<Vec<u8>>,
    /// Control groups, one line per hierarchy (cgroups(7)).
    pub(super) control_groups: String,
    policy: i32,
    pub(super) niceness: i32,
    /// Soft and hard limits by resource number.
    pub(super) limits: Vec<(u64, u64)>,
}

const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
const CREDENTIALS: [&str; 11] = [
    "Uid:",
    "Gid:",
    "Groups:",
    "CapInh:",
    "CapPrm:",
    "CapEff:",
    "CapBnd:",
    "CapAmb:",
    "NoNewPrivs:",
    "Seccomp:",
    "Seccomp_filters:",
];

/// How a client differs from the workers, in the order of gravity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    Namespaces,
    Credentials,
    Limits,
    Scheduling,
}

impl Standing {
    /// # Errors
    /// The process has gone, or is not ours to look at: a set-user-id program, or another user's.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        // What is in a process's folder is looked up anew for each process; from there on it is a short way.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty())?;
        let namespaces = rustix::fs::openat(&folder, "ns", flags, Mode::empty())?;
        let status = read(&folder, "status")?;
        let status = String::from_utf8_lossy(&status);
        let line = |name: &&str| status.lines().find(|line| line.starts_with(*name)).map(str::to_owned);
        let root = rustix::fs::statat(&folder, "root", AtFlags::empty())?;
        Ok(Self {
            namespaces: NAMESPACES.iter().map(|name| readlinkat(&namespaces, *name, Vec::new()).ok()).collect(),
            root: (root.st_dev, root.st_ino),
            credentials: CREDENTIALS.iter().filter_map(line).collect(),
            processors: line(&"Cpus_allowed:").unwrap_or_default(),
            label: read(&folder, "attr/current").ok(),
            control_groups: String::from_utf8_lossy(&read(&folder, "cgroup")?).into_owned(),
            policy: limits::scheduling_policy(pid),
            niceness: limits::niceness(pid),
            limits: limits::of_process(pid)?,
        })
    }

    /// Whether this process only lacks what `client` has, of what a process can lose and never regain: a conductor
    /// started from a client under `nice`, `taskset`, `ulimit -H` or without privileges.
    pub(super) fn is_narrower_than(&self, client: &Self) -> bool {
        let same_place = (&self.namespaces, self.root, &self.label) == (&client.namespaces, client.root, &client.label);
        let policy = self.policy == client.policy || client.policy == limits::NORMAL_POLICY;
        let no_limit_higher = self.limits.iter().zip(&client.limits).all(|(ours, theirs)| ours.1 <= theirs.1);
        let credentials =
            self.credentials.iter().zip(&client.credentials).all(|(ours, theirs)| is_lesser(ours, theirs));
        let processors = is_subset(&self.processors, &client.processors);
        same_place
            && policy
            && no_limit_higher
            && credentials
            && processors
            && (0..=self.niceness).contains(&client.niceness)
    }

    /// What keeps a child of ours from being what `client` is; control groups apart.
    pub(super) fn difference(&self, client: &Self) -> Option<Difference> {
        if (&self.namespaces, self.root) != (&client.namespaces, client.root) {
            Some(Difference::Namespaces)
        } else if (&self.credentials, &self.label) != (&client.credentials, &client.label) {
            Some(Difference::Credentials)
        } else if client.limits.iter().zip(&self.limits).any(|(theirs, ours)| theirs.1 > ours.1) {
            Some(Difference::Limits)
        } else if (self.policy, &self.processors) != (client.policy, &client.processors)
            || client.niceness < self.niceness
        {
            Some(Difference::Scheduling)
        } else {
            None
        }
    }
}

/// All of a file of `/proc`, which gives no more than it has room for at once.
fn read(folder: &OwnedFd, name: &str) -> io::Result<Vec<u8>> {
    let file = rustix::fs::openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::with_capacity(4096);
    while rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes))? > 0 {
        bytes.reserve(4096);
    }
    Ok(bytes)
}

/// Compares two lines of `/proc/<pid>/status` with the same name: sets of capabilities, or modes that grow.
fn is_lesser(ours: &str, theirs: &str) -> bool {
    let (Some((name, our_value)), Some((_, their_value))) = (ours.split_once(':'), theirs.split_once(':')) else {
        return false;
    };
    match name {
        "CapInh" | "CapPrm" | "CapEff" | "CapBnd" | "CapAmb" => is_subset(ours, theirs),
        "NoNewPrivs" | "Seccomp" | "Seccomp_filters" => our_value.trim() >= their_value.trim(),
        _ => our_value == their_value,
    }
}

/// Whether one bit mask, hexadecimal behind a colon and perhaps with commas, holds no bit that the other lacks.
fn is_subset(ours: &str, theirs: &str) -> bool {
    let mask = |line: &str| {
        let digits: String =
            line.split_once(':').map_or("", |(_, value)| value).chars().filter(char::is_ascii_hexdigit).collect();
        u128::from_str_radix(&digits, 16).ok()
    };
    match (mask(ours), mask(theirs)) {
        (Some(ours), Some(theirs)) => ours & !theirs == 0,
        _ => ours == theirs,
    }
}
