//! Whether a client may be served: never outside its sandbox, namespaces or limits.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::decline::Decline;
use super::standing::{Difference, Standing};

/// Compares a client with the workers.
///
/// # Errors
/// Why it must run by itself.
pub(super) fn admit(workers: &Standing, client: &Standing) -> Result<(), Decline> {
    match workers.difference(client) {
        Some(Difference::Namespaces) => Err(Decline::Namespaces),
        Some(Difference::Credentials) => Err(Decline::Credentials),
        Some(Difference::Limits) => Err(Decline::Limits),
        Some(Difference::Scheduling) => Err(Decline::Scheduling),
        None if escapes(&workers.control_groups, &client.control_groups) => Err(Decline::ControlGroup),
        None => Ok(()),
    }
}

/// Whether a worker's child would be free of a limit that the client's control groups set.
///
/// Groups differ from terminal to terminal and are no reason by themselves. Moving the child would cost milliseconds
/// (the kernel waits for all processors), so a client with limits of its own runs by itself instead.
fn escapes(workers: &str, client: &str) -> bool {
    if workers == client {
        return false;
    }
    let ours = groups(workers);
    groups(client).into_iter().any(|(hierarchy, path)| {
        ours.get(hierarchy).is_none_or(|own| own != &path && limited_below(hierarchy, own, path))
    })
}

/// Path by hierarchy: lines of `id:controllers:path` (cgroups(7)).
fn groups(lines: &str) -> HashMap<&str, &str> {
    lines.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect()
}

/// Looks for limits from the client's group up to the first group that it shares with the workers.
fn limited_below(controllers: &str, own: &str, path: &str) -> bool {
    let Some(root) = hierarchy_root(controllers) else { return true };
    let shared = |folder: &Path| Path::new(own).starts_with(folder);
    Path::new(path)
        .ancestors()
        .take_while(|folder| !shared(folder))
        .any(|folder| has_limit(&root.join(folder.strip_prefix("/").unwrap_or(folder))))
}

fn hierarchy_root(controllers: &str) -> Option<PathBuf> {
    let candidates = if controllers.is_empty() {
        vec!["/sys/fs/cgroup/unified".to_owned(), "/sys/fs/cgroup".to_owned()]
    } else {
        let name = controllers.strip_prefix("name=").unwrap_or(controllers);
        vec![format!("/sys/fs/cgroup/{name}")]
    };
    candidates.into_iter().map(PathBuf::from).find(|root| root.join("cgroup.procs").exists())
}

/// Limits and their values when unset, of both versions of control groups.
const LIMITS: [(&str, &[&str]); 10] = [
    ("memory.max", &["max"]),
    ("memory.high", &["max"]),
    ("memory.swap.max", &["max"]),
    ("pids.max", &["max"]),
    ("cpu.max", &["max 100000"]),
    ("io.max", &[""]),
    ("cpuset.cpus", &[""]),
    ("memory.limit_in_bytes", &["9223372036854771712"]),
    ("cpu.cfs_quota_us", &["-1"]),
    ("devices.list", &["a *:* rwm"]),
];

fn has_limit(folder: &Path) -> bool {
    // A group that cannot be read may have any limit.
    !folder.is_dir() || LIMITS.iter().any(|(name, unset)| is_set(&folder.join(name), unset))
}

/// A limit that is set; a missing file is a controller that is not there.
fn is_set(file: &Path, unset: &[&str]) -> bool {
    fs::read_to_string(file).is_ok_and(|value| !unset.contains(&value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_groups_escape_nothing() {
        assert!(!escapes("0::/a/b\n", "0::/a/b\n"));
    }

    #[test]
    fn an_unreadable_group_may_have_limits() {
        assert!(escapes("0::/a\n", "0::/no/such/group\n"));
    }

    #[test]
    fn a_hierarchy_that_the_workers_lack_may_have_limits() {
        assert!(escapes("", "4:memory:/x\n"));
    }
}
