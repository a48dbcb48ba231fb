//! Which files a launch depends on, guessed as soon as it has come: those that launches with the same words depended on. Where there
//! are many they are looked at meanwhile, and held open while such launches come one after the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::check::{Check, Helper, Work};
use super::group::{LOOP, SOON};
use super::inputs::{Inputs, SETTLING};
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
    known: RefCell<HashMap<u64, Known>>,
    helper: Helper,
}

/// Files that are looked at before such launches.
struct Known {
    inputs: Weak<Inputs>,
    /// Launches, each of them soon after the one before.
    in_a_row: u32,
    last: Instant,
    /// When it was last tried to hold them.
    tried: Option<Instant>,
}

impl Known {
    fn new(inputs: &Arc<Inputs>) -> Self {
        Self { inputs: Arc::downgrade(inputs), in_a_row: 1, last: Instant::now(), tried: None }
    }

    fn note_launch(&mut self) {
        let before = std::mem::replace(&mut self.last, Instant::now());
        self.in_a_row = if before.elapsed() < SOON { self.in_a_row.saturating_add(1) } else { 1 };
    }

    fn let_go(&mut self) {
        self.tried = None;
        if let Some(inputs) = self.inputs.upgrade() {
            inputs.hold(None);
        }
    }

    /// Whether they are worth to be held, and are not, or could be better: a folder that has just changed settles first.
    fn wants_to_hold(&self, inputs: &Inputs) -> bool {
        self.in_a_row >= LOOP
            && self.tried.is_none_or(|tried| tried.elapsed() > SETTLING + Duration::from_secs(1))
            && inputs.held().is_none_or(|held| held.is_outdated())
    }
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
            Some(check) if Arc::ptr_eq(&check.inputs, inputs) => {
                let changed = check.changed();
                self.guesses.hold(self.words, inputs);
                changed
            }
            _ => {
                self.guesses.remember(self.words, inputs);
                inputs.changed()
            }
        }
    }
}

impl Guesses {
    fn of(&self, words: u64) -> Option<Arc<Inputs>> {
        let mut known = self.known.borrow_mut();
        let known = known.get_mut(&words)?;
        known.note_launch();
        known.inputs.upgrade()
    }

    /// Has those held, soon, that are looked at again and again.
    fn hold(&self, words: u64, inputs: &Arc<Inputs>) {
        let is_wanted = self.known.borrow().get(&words).is_some_and(|known| known.wants_to_hold(inputs));
        if is_wanted && self.held() + inputs.len() <= most_held() {
            self.known.borrow_mut().entry(words).and_modify(|known| known.tried = Some(Instant::now()));
            self.helper.give(Work::Hold(inputs.clone()));
        }
    }

    /// Descriptors that are open for it.
    fn held(&self) -> usize {
        let known = self.known.borrow();
        known.values().filter_map(|known| known.inputs.upgrade()?.held()).map(|held| held.count()).sum()
    }

    /// Once a second: what has not been launched for a while is not held any more. A file that is held keeps its file system in use.
    pub(super) fn let_go(&self) {
        self.known.borrow_mut().values_mut().filter(|known| known.last.elapsed() >= SOON).for_each(Known::let_go);
    }

    fn remember(&self, words: u64, inputs: &Arc<Inputs>) {
        if inputs.len() < MANY {
            return;
        }
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST_LAUNCHES {
            known.drain().for_each(|(_, mut known)| known.let_go());
        }
        if let Some(mut before) = known.insert(words, Known::new(inputs)) {
            before.let_go();
        }
    }
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

    use super::super::check::tests::{inputs, with_folder};
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
            let (inputs, guesses) = (inputs(folder, MANY), Guesses::default());
            let launch = |word| Look::begin(&guesses, &launch(word)).changed(&inputs);
            for _ in 1..LOOP {
                assert_eq!(launch(b"a.jl"), None);
            }
            std::thread::sleep(Duration::from_millis(100));
            assert!(inputs.held().is_none(), "that is no loop yet");
            assert_eq!(launch(b"a.jl"), None);
            let until = Instant::now() + Duration::from_secs(20);
            while inputs.held().is_none() {
                assert!(Instant::now() < until, "nothing is held");
                std::thread::sleep(Duration::from_millis(1));
            }
            guesses.let_go();
            assert!(inputs.held().is_some());
            guesses
                .known
                .borrow_mut()
                .values_mut()
                .for_each(|known| known.last = Instant::now().checked_sub(SOON).unwrap());
            guesses.let_go();
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
