//! Which files a launch depends on, guessed as soon as it has come: those that launches with the same words depended on. Where there
//! are many they are looked at meanwhile, and held open while such launches come one after the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use rustix::process::{Resource, getrlimit};

use super::check::{Check, Helper, Work};
use super::group::Group;
use super::inputs::Inputs;
use super::pool::Pool;
use crate::protocol::Launch;

/// Fewer are not worth another thread.
const MANY: usize = 100;

/// Files that are held open at most, and the part of the descriptors that may be open.
const MOST_HELD: usize = 4096;
const SHARE_HELD: u64 = 8;

/// Launches that are remembered; then all are forgotten.
const MOST_LAUNCHES: usize = 64;

/// Which files launches depended on whose words were the same, where there were many.
#[derive(Default)]
pub(super) struct Guesses {
    inputs: RefCell<HashMap<u64, Weak<Inputs>>>,
    helper: Helper,
}

/// A launch's own look at files, perhaps begun already.
pub(super) struct Look<'a> {
    guesses: &'a Guesses,
    /// What tells such launches from others.
    words: u64,
    begun: Option<Arc<Check>>,
}

impl<'a> Look<'a> {
    /// Begins to look, elsewhere than on this thread, where a launch like this one depended on many files.
    pub(super) fn begin(guesses: &'a Guesses, launch: &Launch) -> Self {
        let words = words(launch);
        let begun = guesses.of(words).map(|inputs| Arc::new(Check::new(inputs)));
        if let Some(check) = begun.clone() {
            guesses.helper.give(Work::Look(check));
        }
        Self { guesses, words, begun }
    }

    /// One of these files that is not what it was.
    pub(super) fn changed(&self, inputs: &Arc<Inputs>) -> Option<PathBuf> {
        match &self.begun {
            Some(check) if Arc::ptr_eq(&check.inputs, inputs) => check.changed(),
            _ => {
                self.guesses.remember(self.words, inputs);
                inputs.changed()
            }
        }
    }
}

impl Guesses {
    fn of(&self, words: u64) -> Option<Arc<Inputs>> {
        self.inputs.borrow().get(&words)?.upgrade()
    }

    fn remember(&self, words: u64, inputs: &Arc<Inputs>) {
        if inputs.len() < MANY {
            return;
        }
        let mut known = self.inputs.borrow_mut();
        if known.len() >= MOST_LAUNCHES {
            known.clear();
        }
        known.insert(words, Arc::downgrade(inputs));
    }
}

/// After a launch: has the files of a branch held, soon, that is launched in a loop.
pub(super) fn hold(pool: &Pool, branch: &Group) {
    let inputs = branch.inputs.borrow().clone();
    let held = || -> usize { pool.groups.borrow().values().map(|group| group.inputs.borrow().count_held()).sum() };
    if inputs.len() >= MANY && branch.is_in_loop() && inputs.wants_to_be_held() && held() + inputs.len() <= most_held()
    {
        inputs.set_being_held();
        pool.guesses.helper.give(Work::Hold(inputs));
    }
}

/// Once a second: what is launched in a loop no more is not held any more. A file that is held keeps its file system in use.
pub(super) fn let_go(pool: &Pool) {
    pool.groups
        .borrow()
        .values()
        .filter(|group| !group.is_in_loop())
        .for_each(|group| group.inputs.borrow().hold(None));
}

fn most_held() -> usize {
    let limit = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit / SHARE_HELD).unwrap_or(usize::MAX));
    limit.min(MOST_HELD)
}

/// A shell gives each of its commands a process group of its own, and variables: the rest of a launch is not the same the next time.
fn words(launch: &Launch) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&launch.channel, &launch.app, &launch.arguments).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use super::super::check::tests::{inputs, with_folder};
    use super::super::row::{LOOP, SOON};
    use super::super::ticker::tests::pool;
    use super::*;

    fn launch(word: &[u8]) -> Launch {
        Launch { arguments: vec![word.to_vec()], ..Launch::default() }
    }

    #[test]
    fn another_thread_looks_as_soon_as_a_launch_has_come() {
        // Where there is one processor nobody does.
        let has_helper = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        with_folder("soon", |folder| {
            let (inputs, guesses) = (inputs(folder, MANY), Guesses::default());
            let first = Look::begin(&guesses, &launch(b"a.jl"));
            assert!(first.begun.is_none(), "nothing is known of it yet");
            assert_eq!(first.changed(&inputs), None);
            for changed in [None, Some(folder.join("7.jl"))] {
                let look = Look::begin(&guesses, &launch(b"a.jl"));
                let check = look.begun.clone().unwrap();
                let until = Instant::now() + Duration::from_secs(20);
                while has_helper && changed.is_none() && !check.seen.iter().all(|seen| seen.load(Ordering::Acquire)) {
                    assert!(Instant::now() < until, "nobody has looked");
                    std::thread::yield_now();
                }
                assert_eq!(look.changed(&inputs), changed);
                fs::write(folder.join("7.jl"), "changed").unwrap();
            }
            // Files that were not guessed are looked at as well.
            let others = self::inputs(&folder.join("others"), MANY);
            fs::write(folder.join("others/3.jl"), "changed").unwrap();
            assert_eq!(Look::begin(&guesses, &launch(b"a.jl")).changed(&others), Some(folder.join("others/3.jl")));
        });
    }

    #[test]
    fn files_are_held_while_launches_come_one_after_the_other() {
        if std::thread::available_parallelism().is_ok_and(|count| count.get() < 2) {
            writeln!(std::io::stderr(), "skipped: there is one processor").unwrap();
            return;
        }
        with_folder("held", |folder| {
            let (pool, inputs) = (pool(), inputs(folder, MANY));
            let branch = pool.groups.borrow().values().next().unwrap().clone();
            branch.inputs.replace(inputs.clone());
            let launch = || {
                branch.touch(None);
                hold(&pool, &branch);
            };
            (1..LOOP).for_each(|_| launch());
            std::thread::sleep(Duration::from_millis(100));
            assert!(inputs.held().is_none(), "that is no loop yet");
            launch();
            let until = Instant::now() + Duration::from_secs(20);
            while inputs.held().is_none() {
                assert!(Instant::now() < until, "nothing is held");
                std::thread::sleep(Duration::from_millis(1));
            }
            let_go(&pool);
            assert!(inputs.held().is_some());
            branch.last_used.set(Instant::now().checked_sub(SOON).unwrap());
            let_go(&pool);
            assert!(inputs.held().is_none(), "it keeps a file system in use");
        });
    }

    #[test]
    fn only_launches_of_many_files_are_remembered() {
        with_folder("many", |folder| {
            let (few, many) = (inputs(&folder.join("few"), MANY - 1), inputs(&folder.join("many"), MANY));
            let guesses = Guesses::default();
            guesses.remember(1, &few);
            guesses.remember(2, &many);
            assert!(guesses.of(1).is_none());
            assert!(guesses.of(2).is_some_and(|known| Arc::ptr_eq(&known, &many)));
            // Its branch has ended.
            drop(many);
            assert!(guesses.of(2).is_none());
        });
    }
}
