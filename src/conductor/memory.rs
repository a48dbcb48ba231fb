//! Memory as a cache: workers are kept while there is room. What is held twice goes first, then what has been used least often
//! and longest ago; nothing that runs a program, or has just run one, is touched. Nor are sessions: what they hold is nowhere else,
//! and what they take is the user's own.

use std::cmp::Reverse;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use super::group::{Group, Phase};
use super::pool::Pool;
use super::row::{self, Rush, SOON};
use super::size::{self, kilobytes};
use super::succession;
use crate::env;
use crate::worker::Isolation;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Without a setting workers may take this part of what the machine has.
const SHARE: u64 = 4;

/// Below this part of the machine's memory that is available, workers go whatever the budget says.
const SCARCE: u64 = 20;

/// The same, where programs wait for memory for this part of the time, in per cent (`some avg10`, Linux's
/// Documentation/accounting/psi.rst), and less than this part is available. Programs that wait for a processor while they read
/// their files again wait for memory, too, in the kernel's words: on a busy machine with memory to spare that says nothing.
const PRESSURE: f64 = 10.0;
const TIGHT: u64 = 4;

/// A branch that is launched in a loop takes memory to be forked quickly while all workers together take no more than this part of
/// the budget, in per cent, and while this part of the machine's memory is available: what is there for nothing else may as well make
/// loops of launches faster.
const ROOMY: u64 = 75;
const PLENTY: u64 = 50;

/// It does so while nothing is launched, or once launches have gone on for this long without a pause.
const LASTING: Duration = Duration::from_secs(5);

/// What a branch of that kind takes, in bytes, and what any other worker, before it is known.
const LARGE_BRANCH: u64 = 400 << 20;
const WORKER: u64 = 150 << 20;

/// Bytes that all workers may take together.
pub(super) fn budget() -> u64 {
    let setting = std::env::var(env::MEMORY).ok();
    setting.as_deref().and_then(bytes).unwrap_or_else(|| available_at_most() / SHARE)
}

/// What the machine has, or the container.
fn available_at_most() -> u64 {
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.into_iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    limits.chain([meminfo("MemTotal:")]).min().unwrap_or(u64::MAX)
}

/// Once a second: a branch that has been launched in a loop gets a successor that makes huge pages of what it has written to, where
/// there is room.
pub(super) fn spend(pool: &Rc<Pool>) {
    let groups = pool.groups.borrow();
    // One after the other: a processor is busy with it meanwhile.
    if !is_the_time(pool.rush.get(), groups.values().any(|group| is_at_work(group)))
        || groups.values().any(|group| group.is_growing.get())
    {
        return;
    }
    let is_small = |group: &Group| group.key.program.is_some() && !group.is_large.get();
    if let Some(group) = groups.values().find(|group| is_small(group) && group.was_in_loop()) {
        let taken = groups.values().map(|group| taken(group.takes(), group.is_large.get())).sum();
        if !has_room(taken, pool.budget) || meminfo("MemAvailable:") < meminfo("MemTotal:") / 100 * PLENTY {
            return;
        }
        group.is_large.set(true);
        succession::raise(pool, group);
    }
}

/// Not at a loop's beginning, which has to share its processors then and may soon be its end: once nobody launches anything, or where
/// it goes on and on.
fn is_the_time(rush: Rush, is_at_work: bool) -> bool {
    rush.is_over() && !is_at_work || rush.lasted() >= LASTING
}

/// A program has ended a moment ago, so that the next may come, or has begun not long ago.
fn is_at_work(group: &Group) -> bool {
    !row::is_over(group.last_used.get()) || group.jobs.borrow().values().any(|job| job.since.elapsed() < LASTING)
}

/// One that took 0 has not been looked at yet.
fn taken(seen: u64, is_large: bool) -> u64 {
    match seen {
        0 if is_large => LARGE_BRANCH,
        0 => WORKER,
        _ => seen,
    }
}

fn has_room(taken: u64, budget: u64) -> bool {
    taken + LARGE_BRANCH <= budget / 100 * ROOMY
}

/// Looks every ten seconds, for as long as the conductor lives.
pub(super) async fn watch(pool: Rc<Pool>) {
    loop {
        tokio::time::sleep(EVERY).await;
        keep_within(&pool).await;
    }
}

async fn keep_within(pool: &Rc<Pool>) {
    size::measure(pool.clone()).await;
    let is_scarce = is_scarce();
    let mut total: u64 = pool.groups.borrow().values().filter(|group| is_cache(group)).map(|group| group.takes()).sum();
    if (total <= pool.budget && !is_scarce) || trim_spares(pool) {
        // What trimming gives back is seen the next time.
        return;
    }
    for group in in_order(pool) {
        pool.log.line(&format!("memory is needed: the {} for {} ends", group.kind(), group.key.words()));
        total = total.saturating_sub(group.takes());
        pool.remove(&group);
        // One at a time where it is scarce: what it gives back is seen the next time.
        if total <= pool.budget {
            break;
        }
    }
}

/// Spares beyond the first are duplicates. Tells whether there were any to spare.
fn trim_spares(pool: &Pool) -> bool {
    let groups = pool.groups.borrow();
    let idle = groups.values().filter(|group| !is_busy(group));
    idle.filter(|group| group.keep_one_spare()).count() > 0
}

/// What may go, first things first.
fn in_order(pool: &Pool) -> Vec<Rc<Group>> {
    let groups = pool.groups.borrow();
    let mut idle: Vec<(Place, Rc<Group>)> = groups
        .values()
        .filter(|group| is_cache(group) && !is_busy(group) && !has_branches(group, groups.values()))
        .map(|group| (place(group, groups.values()), group.clone()))
        .collect();
    idle.sort_by_key(|(place, _)| Reverse(*place));
    idle.into_iter().map(|(_, group)| group).collect()
}

/// It can be made again.
fn is_cache(group: &Group) -> bool {
    group.key.isolation != Isolation::Session
}

fn is_busy(group: &Group) -> bool {
    let is_used = !group.jobs.borrow().is_empty() || group.last_used.get().elapsed() < SOON;
    is_used || group.is_growing.get() || group.phase.get() == Phase::Booting || group.has_waiting()
}

/// What has branches is shared by them; it goes once they have gone.
fn has_branches<'a>(group: &Group, mut all: impl Iterator<Item = &'a Rc<Group>>) -> bool {
    group.key.program.is_none() && all.any(|other| other.key.program.is_some() && other.key.base() == group.key)
}

/// The greater, the sooner it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    is_duplicate: bool,
    /// Milliseconds without a launch, divided by how used it is.
    idle: u128,
}

impl Place {
    /// Twice as many uses are worth one more share of time.
    fn new(is_duplicate: bool, idle: Duration, uses: u64) -> Self {
        Self { is_duplicate, idle: idle.as_millis() / u128::from(uses.max(1).ilog2() + 1) }
    }
}

fn place<'a>(group: &Group, mut all: impl Iterator<Item = &'a Rc<Group>>) -> Place {
    let is_newer = |other: &Rc<Group>| match (&group.key.program, &other.key.program) {
        (Some(own), Some(theirs)) => {
            own.is_same_program(theirs) && other.key != group.key && other.last_used.get() > group.last_used.get()
        }
        _ => false,
    };
    Place::new(all.any(is_newer), group.last_used.get().elapsed(), group.served.get())
}

fn is_scarce() -> bool {
    let pressure = fs::read_to_string("/proc/pressure/memory").unwrap_or_default();
    is_scarce_with(meminfo("MemAvailable:"), meminfo("MemTotal:"), percent_waiting(&pressure))
}

fn is_scarce_with(available: u64, total: u64, percent_waiting: f64) -> bool {
    available < total / SCARCE || percent_waiting > PRESSURE && available < total / TIGHT
}

/// `some avg10=1.53 avg60=0.87 …`; 0 where the kernel does not tell.
fn percent_waiting(text: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix("some avg10="));
    line.and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0.0)
}

fn meminfo(name: &str) -> u64 {
    kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), name)
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Instant;

    use super::super::ticker::tests::pool;
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
        assert!(meminfo("MemTotal:") > meminfo("MemAvailable:") && available_at_most() > 0);
        let pressure = "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=3.00 avg60=0.00 total=1\n";
        assert!((percent_waiting(pressure) - 12.5).abs() < 1e-9);
        assert!(percent_waiting("").abs() < 1e-9);
    }

    #[test]
    fn waiting_counts_where_memory_is_tight() {
        assert!(is_scarce_with(4, 100, 0.0));
        assert!(is_scarce_with(20, 100, 12.0));
        assert!(!is_scarce_with(20, 100, 9.0) && !is_scarce_with(70, 100, 50.0));
    }

    #[test]
    fn there_is_room_below_three_quarters_of_the_budget() {
        let budget = 4 * LARGE_BRANCH;
        assert!(has_room(2 * LARGE_BRANCH, budget) && !has_room(2 * LARGE_BRANCH + 1, budget));
        assert!(!has_room(0, LARGE_BRANCH));
        assert_eq!((taken(7, false), taken(0, false)), (7, WORKER));
        assert_eq!((taken(7, true), taken(0, true)), (7, LARGE_BRANCH));
    }

    #[test]
    fn the_beginning_of_a_loop_has_the_processors_for_itself() {
        let is_time = |lasted, ended| is_the_time(Rush::that_lasted(lasted, ended).unwrap(), false);
        let (long, short) = (Duration::from_secs(8), Duration::from_millis(9));
        assert!(!is_time(short, short) && is_time(long, short) && is_time(short, long));
        let pool = pool();
        pool.rush.set(Rush::that_lasted(short, long).unwrap());
        assert!(is_the_time(pool.rush.get(), false) && !is_the_time(pool.rush.get(), true));
        pool.count_served();
        assert!(!is_the_time(pool.rush.get(), false), "a launch has come");
    }

    #[test]
    fn a_program_that_ended_a_moment_ago_was_at_work() {
        let pool = pool();
        let group = pool.groups.borrow().values().next().unwrap().clone();
        group.last_used.set(Instant::now());
        assert!(is_at_work(&group));
        group.last_used.set(Instant::now().checked_sub(Duration::from_secs(8)).unwrap());
        assert!(!is_at_work(&group));
    }

    #[test]
    fn duplicates_go_first_then_what_is_used_least_and_longest_ago() {
        let minutes = |number: u64| Duration::from_secs(60 * number);
        let duplicate = Place::new(true, minutes(1), 1000);
        let old = Place::new(false, minutes(100), 1);
        let old_but_used = Place::new(false, minutes(100), 500);
        let recent = Place::new(false, minutes(5), 1);
        let mut places = [recent, old_but_used, old, duplicate];
        places.sort_by_key(|place| Reverse(*place));
        assert_eq!(places, [duplicate, old, old_but_used, recent]);
    }
}
