//! How much memory workers take, as the kernel counts it (`smaps_rollup`, proc(5)). Walking a process's memory takes
//! milliseconds, so it is done elsewhere than on the conductor's thread, and only where somebody asks.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::group::Group;
use super::pool::Pool;

/// What has been seen holds for so long, and for so many times the time that it took: who asks again and again must not slow down the
/// workers that he looks at.
const FRESH: Duration = Duration::from_secs(1);
const SHARE: u32 = 10;

/// A report waits no longer for it. The kernel takes milliseconds for each worker, and more where its memory is being changed.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long what has been seen holds.
#[derive(Default)]
pub(super) struct Seen {
    until: Cell<Option<Instant>>,
    one_at_a_time: Mutex<()>,
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// What would be free without it: its own, and its part of what it shares (`Pss`).
    pub proportional: u64,
    /// What nobody else has.
    pub private: u64,
    /// What it shares with others, such as the worker that it was forked from. Of several processes the largest part.
    pub shared: u64,
}

impl Memory {
    fn of_process(pid: u32) -> Self {
        Self::in_rollup(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default())
    }

    fn in_rollup(text: &str) -> Self {
        let sum = |names: [&str; 2]| names.into_iter().map(|name| kilobytes(text, name)).sum();
        Self {
            proportional: kilobytes(text, "Pss:"),
            private: sum(["Private_Clean:", "Private_Dirty:"]),
            shared: sum(["Shared_Clean:", "Shared_Dirty:"]),
        }
    }

    /// Of both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            proportional: self.proportional + other.proportional,
            private: self.private + other.private,
            shared: self.shared.max(other.shared),
        }
    }
}

/// Finds out what all workers take, or those that have not been looked at where the rest is known. Programs that run are not counted:
/// their memory is their own.
pub(super) async fn measure(pool: Rc<Pool>) {
    let _one = pool.memory_seen.one_at_a_time.lock().await;
    let is_fresh = pool.memory_seen.until.get().is_some_and(|until| Instant::now() < until);
    let is_due = |group: &&Rc<Group>| !is_fresh || group.memory.get().is_none();
    let groups: Vec<Rc<Group>> = pool.groups.borrow().values().filter(is_due).cloned().collect();
    let pids: Vec<Vec<u32>> = groups.iter().map(|group| group.waiting_pids()).collect();
    let zygotes: Vec<Option<u32>> = groups.iter().map(|group| group.zygote_pid()).collect();
    let begun = Instant::now();
    let sum = |pids: Vec<u32>| pids.into_iter().map(Memory::of_process).reduce(Memory::and);
    let sizes = tokio::task::spawn_blocking(move || pids.into_iter().map(sum).collect::<Vec<Option<Memory>>>());
    for ((group, zygote), size) in groups.iter().zip(zygotes).zip(sizes.await.unwrap_or_default()) {
        // A successor that has come meanwhile has not been looked at.
        if group.zygote_pid() == zygote {
            group.memory.set(size);
        }
    }
    if !is_fresh {
        pool.memory_seen.until.set(Some(Instant::now() + holds_for(begun.elapsed())));
    }
}

/// The same, for somebody who waits: what takes longer is known the next time.
pub(super) async fn measure_soon(pool: &Rc<Pool>) {
    let measuring = tokio::task::spawn_local(measure(pool.clone()));
    let _ = tokio::time::timeout(PATIENCE, measuring).await;
}

fn holds_for(taken: Duration) -> Duration {
    FRESH.max(SHARE * taken)
}

/// A line of a file of the kernel's, in bytes; 0 where there is none.
pub(super) fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says() {
        let text = "Rss: 9 kB\nPss:   3 kB\nShared_Clean: 1 kB\nShared_Dirty: 4 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 1 kB\n";
        let expected = Memory { proportional: 3 << 10, private: 2 << 10, shared: 5 << 10 };
        assert_eq!(Memory::in_rollup(text), expected);
        let both = expected.and(Memory { proportional: 1, private: 1, shared: 1 });
        assert_eq!((both.proportional, both.private, both.shared), ((3 << 10) + 1, (2 << 10) + 1, 5 << 10));
        assert_eq!(Memory::in_rollup(""), Memory::default());
        assert!(Memory::of_process(std::process::id()).private > 0);
    }

    #[test]
    fn what_takes_long_is_done_seldom() {
        assert_eq!(holds_for(Duration::from_millis(20)), FRESH);
        assert_eq!(holds_for(Duration::from_secs(2)), Duration::from_secs(20));
    }
}
