//! Children that nobody waits for: what a zygote had forked when it ended (`PR_SET_CHILD_SUBREAPER`, prctl(2)), as branches are when a
//! successor has taken its place. Once they have ended they would be zombies for as long as the conductor lives.

use crate::sys::children;

/// Whoever waits for a child takes it away in the same turn of the loop. What is still there after so many is nobody's.
const TURNS: u8 = 3;

/// Children that have ended, each with the number of turns in a row in which it was seen.
#[derive(Default)]
pub(super) struct Orphans(Vec<(u32, u8)>);

impl Orphans {
    /// To be called once in a turn of the loop.
    pub(super) fn take_away(&mut self) {
        let turns = |pid| self.0.iter().find(|(known, _)| *known == pid).map_or(0, |(_, turns)| *turns);
        let seen: Vec<(u32, u8)> = children::ended_children().into_iter().map(|pid| (pid, turns(pid) + 1)).collect();
        self.0 = seen;
        self.0.retain(|(pid, turns)| *turns < TURNS || children::reap(*pid).is_none());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_is_taken_away_once_nobody_has_wanted_it() {
        let (mut orphans, mut child) = (Orphans::default(), Command::new("cat").stdin(Stdio::piped()).spawn().unwrap());
        let is_there = |pid: u32| std::path::Path::new(&format!("/proc/{pid}")).exists();
        (0..2 * TURNS).for_each(|_| orphans.take_away());
        assert!(is_there(child.id()), "it has not ended");
        drop(child.stdin.take());
        while !children::ended_children().contains(&child.id()) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        (1..TURNS).for_each(|_| orphans.take_away());
        assert!(is_there(child.id()), "somebody may want its status yet");
        orphans.take_away();
        assert!(!is_there(child.id()));
    }
}
