//! Memory as a cache: branches are kept while there is room, and those used longest ago go first.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use super::group::Group;
use super::pool::Pool;
use crate::env;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Without a setting branches may take this part of what the machine has.
const SHARE: u64 = 4;

/// Below this part of the machine's memory that is available, branches go whatever the budget says.
const SCARCE: u64 = 20;

/// Looks every ten seconds, for as long as the conductor lives.
pub(super) async fn watch(pool: Rc<Pool>) {
    let setting = std::env::var(env::MEMORY).ok();
    let budget = setting.as_deref().and_then(bytes).unwrap_or_else(|| meminfo("MemTotal:") / SHARE);
    loop {
        tokio::time::sleep(EVERY).await;
        keep_within(&pool, budget).await;
    }
}

async fn keep_within(pool: &Rc<Pool>, budget: u64) {
    let mut branches: Vec<Rc<Group>> =
        pool.groups.borrow().values().filter(|group| group.key.program.is_some()).cloned().collect();
    // Walking a process's memory takes milliseconds, which no launch should have to wait for.
    let zygotes: Vec<Option<u32>> =
        branches.iter().map(|group| group.zygote.borrow().as_ref().map(|(pid, _)| *pid)).collect();
    let sizes = tokio::task::spawn_blocking(move || zygotes.into_iter().map(|pid| pid.map_or(0, own_bytes)).collect());
    let sizes: Vec<u64> = sizes.await.unwrap_or_default();
    for (group, size) in branches.iter().zip(&sizes) {
        group.own_bytes.set(*size);
    }
    branches.sort_by_key(|group| group.last_used.get());
    let mut total: u64 = sizes.iter().sum();
    let mut is_scarce = meminfo("MemAvailable:") < meminfo("MemTotal:") / SCARCE;
    for group in branches.iter().filter(|group| group.jobs.borrow().is_empty()) {
        if total <= budget && !is_scarce {
            break;
        }
        total = total.saturating_sub(group.own_bytes.get());
        // One at a time: what it gives back is seen the next time.
        is_scarce = false;
        pool.log.line(&format!("memory is needed: the branch for {} ends", group.key.words()));
        pool.remove(group);
    }
}

/// Memory of a process that would be free without it: what is its own, and its part of what it shares (`Pss` in
/// `/proc/<pid>/smaps_rollup`, proc(5)).
fn own_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    kilobytes(&text, "Pss:")
}

fn meminfo(name: &str) -> u64 {
    kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), name)
}

/// In bytes.
fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or(0) << 10
}

/// `2G`, `500M`, `4096K`, or a number of bytes.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit.trim_end_matches(['B', 'b']).trim_end_matches('i') {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("2G"), Some(2 << 30));
        assert_eq!((bytes("500MiB"), bytes("7"), bytes(" 0 ")), (Some(500 << 20), Some(7), Some(0)));
        assert_eq!((bytes("much"), bytes("G"), bytes("1T")), (None, None, None));
    }

    #[test]
    fn files_of_the_kernel() {
        assert_eq!(kilobytes("Rss: 5 kB\nPss:   3 kB\n", "Pss:"), 3 << 10);
        assert!(meminfo("MemTotal:") > meminfo("MemAvailable:"));
    }
}
