//! The last launches that no warm worker served, or a less warm one than could be, and why.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Launches that are remembered; the same again is counted, not kept twice.
const MOST: usize = 32;
/// Longer texts are cut, in characters.
const LONGEST: usize = 300;

struct Launches {
    program: String,
    way: &'static str,
    why: String,
    count: u64,
    last: Instant,
}

/// Newest last.
#[derive(Default)]
pub(super) struct Unwarmed(RefCell<VecDeque<Launches>>);

/// One kind of such launches.
#[derive(Debug, Serialize, Deserialize)]
pub struct UnwarmedReport {
    pub program: String,
    /// `plain`: as plain Julia. `fork`, `fresh`: by such a worker.
    pub way: String,
    pub why: String,
    pub count: u64,
    /// Since the last of them.
    pub seconds_ago: u64,
}

impl Unwarmed {
    pub(super) fn note(&self, program: &str, way: &'static str, why: &str) {
        let (program, why) = (cut(program), cut(why));
        let mut all = self.0.borrow_mut();
        let same = |known: &Launches| known.program == program && known.way == way && known.why == why;
        let count = all.iter().position(same).and_then(|at| all.remove(at)).map_or(0, |known| known.count);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(Launches { program, way, why, count: count + 1, last: Instant::now() });
    }

    /// Newest first.
    pub(super) fn report(&self) -> Vec<UnwarmedReport> {
        let describe = |launches: &Launches| UnwarmedReport {
            program: launches.program.clone(),
            way: launches.way.to_owned(),
            why: launches.why.clone(),
            count: launches.count,
            seconds_ago: launches.last.elapsed().as_secs(),
        };
        self.0.borrow().iter().rev().map(describe).collect()
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_is_counted_and_the_list_is_bounded() {
        let all = Unwarmed::default();
        for number in 0..10 * MOST {
            all.note(&format!("p{number}"), "plain", "booting");
            all.note("often", "fork", &"x".repeat(10 * LONGEST));
        }
        let report = all.report();
        assert_eq!((report.len(), report[0].program.as_str(), report[0].count), (MOST, "often", 10 * MOST as u64));
        assert_eq!(report[0].why.len(), LONGEST);
    }
}
