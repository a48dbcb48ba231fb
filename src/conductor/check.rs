//! Whether a branch is still good, looked at by two threads: what a launch is about to run can be guessed as soon as it has come, long
//! before it is known. Where there are many files they are looked at meanwhile.
//!
//! Invariant: all files are looked at after the launch has come, and nobody waits for the other thread: what it has begun and not
//! ended is looked at once more.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};

use rustix::thread::{Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::inputs::Inputs;
use crate::protocol::Launch;

/// Files that are looked at at a time.
const AT_A_TIME: usize = 32;

/// Fewer are not worth another thread.
const MANY: usize = 100;

/// The helper's, in bytes.
const STACK: usize = 64 << 10;

/// Launches that are remembered; then all are forgotten.
const MOST_LAUNCHES: usize = 64;

/// One look at all files.
struct Check {
    inputs: Arc<Inputs>,
    /// Parts that somebody has begun with.
    begun: AtomicUsize,
    /// Which of them have been looked at.
    seen: Vec<AtomicBool>,
    /// A file that is not what it was.
    changed: AtomicUsize,
}

/// There is none.
const NONE: usize = usize::MAX;

impl Check {
    fn new(inputs: Arc<Inputs>) -> Self {
        let parts = inputs.len().div_ceil(AT_A_TIME);
        let seen = (0..parts).map(|_| AtomicBool::new(false)).collect();
        Self { inputs, begun: AtomicUsize::new(0), seen, changed: AtomicUsize::new(NONE) }
    }

    /// A file that is not what it was.
    fn changed(&self) -> Option<PathBuf> {
        self.help();
        for part in 0..self.seen.len() {
            if !self.seen[part].load(Ordering::Acquire) {
                self.look_at(part);
            }
        }
        Some(self.changed.load(Ordering::Acquire)).filter(|at| *at != NONE).map(|at| self.inputs.path(at))
    }

    /// Looks at what nobody has begun with.
    fn help(&self) {
        loop {
            let part = self.begun.fetch_add(1, Ordering::Relaxed);
            if part >= self.seen.len() || self.changed.load(Ordering::Relaxed) != NONE {
                return;
            }
            self.look_at(part);
        }
    }

    fn look_at(&self, part: usize) {
        let range = part * AT_A_TIME..((part + 1) * AT_A_TIME).min(self.inputs.len());
        if let Some(at) = self.inputs.changed_among(range) {
            self.changed.fetch_min(at, Ordering::Release);
        }
        self.seen[part].store(true, Ordering::Release);
    }
}

/// A thread that helps to look. It never runs where this one does: the kernel might leave it there, behind this one, while another
/// processor gets free.
#[derive(Default)]
struct Helper(RefCell<Option<Thread>>);

struct Thread {
    id: Pid,
    checks: Sender<Arc<Check>>,
    /// Where it may not run.
    elsewhere: usize,
}

impl Helper {
    fn help(&self, check: Arc<Check>) {
        let mut thread = self.0.borrow_mut();
        if thread.is_none() {
            *thread = Thread::start();
        }
        if let Some(thread) = thread.as_mut() {
            thread.stay_away_from(sched_getcpu());
            // It lives as long as its sender.
            let _ = thread.checks.send(check);
        }
    }
}

impl Thread {
    /// `None`: there is only one processor, or no thread is to be had.
    fn start() -> Option<Self> {
        if sched_getaffinity(None).is_ok_and(|processors| processors.count() < 2) {
            return None;
        }
        let (checks, given) = mpsc::channel::<Arc<Check>>();
        let (name, named) = mpsc::channel();
        let work = move || {
            let _ = name.send(gettid());
            while let Ok(check) = given.recv() {
                check.help();
            }
        };
        std::thread::Builder::new().name("check".into()).stack_size(STACK).spawn(work).ok()?;
        Some(Self { id: named.recv().ok()?, checks, elsewhere: usize::MAX })
    }

    fn stay_away_from(&mut self, processor: usize) {
        if self.elsewhere == processor {
            return;
        }
        if let Ok(mut others) = sched_getaffinity(None) {
            others.unset(processor);
            // Where it cannot be kept away it helps less.
            let _ = sched_setaffinity(Some(self.id), &others);
        }
        self.elsewhere = processor;
    }
}

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
            guesses.helper.help(check);
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
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::{Duration, Instant, SystemTime};

    use super::*;

    /// So many files, settled.
    fn inputs(folder: &Path, count: usize) -> Arc<Inputs> {
        fs::create_dir_all(folder).unwrap();
        let paths = (0..count).map(|number| folder.join(format!("{number}.jl")));
        let files: Vec<_> = paths.inspect(|path| fs::write(path, "1").unwrap()).collect();
        let files: Vec<_> = files.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        Arc::new(Inputs::settled(&files, SystemTime::now() + Duration::from_secs(10)).unwrap())
    }

    fn with_folder(name: &str, work: impl FnOnce(&Path)) {
        let folder = std::env::temp_dir().join(format!("jlapp-check-{name}-{}", std::process::id()));
        work(&folder);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn whoever_looks_sees_each_file() {
        with_folder("each", |folder| {
            const COUNT: usize = 3 * AT_A_TIME + 5;
            for changed in [0, AT_A_TIME - 1, AT_A_TIME, COUNT - 1] {
                let inputs = inputs(folder, COUNT);
                let path = folder.join(format!("{changed}.jl"));
                let check = || Check::new(inputs.clone());
                assert_eq!(check().changed(), None);
                fs::write(&path, "changed").unwrap();
                assert_eq!(check().changed().as_ref(), Some(&path));
                let helped = check();
                helped.help();
                assert_eq!(helped.changed().as_ref(), Some(&path));
                // Another thread has begun with all of it, and looks at nothing more.
                let left = check();
                left.begun.store(COUNT, Ordering::Relaxed);
                assert_eq!(left.changed().as_ref(), Some(&path));
                fs::remove_file(&path).unwrap();
                assert_eq!(check().changed().as_ref(), Some(&path));
            }
        });
    }

    #[test]
    fn two_threads_see_what_one_sees() {
        with_folder("two", |folder| {
            let inputs = inputs(folder, 500);
            for round in 0..200 {
                let check = Arc::new(Check::new(inputs.clone()));
                std::thread::scope(|scope| {
                    scope.spawn(|| check.help());
                    assert_eq!(check.changed(), None, "round {round}");
                });
            }
            fs::write(folder.join("499.jl"), "changed").unwrap();
            for round in 0..200 {
                let check = Arc::new(Check::new(inputs.clone()));
                std::thread::scope(|scope| {
                    scope.spawn(|| check.help());
                    assert_eq!(check.changed(), Some(folder.join("499.jl")), "round {round}");
                });
            }
        });
    }

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
