//! One look at all files that a branch was made from, by two threads.
//!
//! Invariant: nobody waits for the other thread: what it has begun and not ended is looked at once more.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};

use rustix::thread::{Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::held::Held;
use super::inputs::Inputs;

/// Files that are looked at at a time.
const AT_A_TIME: usize = 32;

/// The helper's, in bytes.
const STACK: usize = 64 << 10;

/// One look at all files.
pub(super) struct Check {
    pub(super) inputs: Arc<Inputs>,
    held: Option<Arc<Held>>,
    /// Parts that somebody has begun with.
    begun: AtomicUsize,
    /// Which of them have been looked at.
    pub(super) seen: Vec<AtomicBool>,
    /// A file that is not what it was.
    changed: AtomicUsize,
}

/// There is none.
const NONE: usize = usize::MAX;

impl Check {
    pub(super) fn new(inputs: Arc<Inputs>) -> Self {
        let parts = inputs.len().div_ceil(AT_A_TIME);
        let seen = (0..parts).map(|_| AtomicBool::new(false)).collect();
        let held = inputs.held().filter(|held| held.is_good());
        Self { inputs, held, begun: AtomicUsize::new(0), seen, changed: AtomicUsize::new(NONE) }
    }

    /// A file that is not what it was.
    pub(super) fn changed(&self) -> Option<PathBuf> {
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
        if let Some(at) = self.inputs.changed_among(range, self.held.as_deref()) {
            self.changed.fetch_min(at, Ordering::Release);
        }
        self.seen[part].store(true, Ordering::Release);
    }
}

pub(super) enum Work {
    Look(Arc<Check>),
    Hold(Arc<Inputs>),
}

impl Work {
    fn run(self) {
        match self {
            Self::Look(check) => check.help(),
            Self::Hold(inputs) => inputs.hold(Held::of(&inputs).ok()),
        }
    }
}

/// A thread that helps to look. It never runs where this one does: the kernel might leave it there, behind this one, while another
/// processor gets free.
#[derive(Default)]
pub(super) struct Helper(RefCell<Option<Thread>>);

struct Thread {
    id: Pid,
    given: Sender<Work>,
    /// Where it may not run.
    elsewhere: usize,
}

impl Helper {
    pub(super) fn give(&self, work: Work) {
        let mut thread = self.0.borrow_mut();
        if thread.is_none() {
            *thread = Thread::start();
        }
        if let Some(thread) = thread.as_mut() {
            thread.stay_away_from(sched_getcpu());
            // It lives as long as its sender.
            let _ = thread.given.send(work);
        }
    }
}

impl Thread {
    /// `None`: there is only one processor, or no thread is to be had.
    fn start() -> Option<Self> {
        if sched_getaffinity(None).is_ok_and(|processors| processors.count() < 2) {
            return None;
        }
        let (sender, given) = mpsc::channel::<Work>();
        let (name, named) = mpsc::channel();
        let work = move || {
            let _ = name.send(gettid());
            given.into_iter().for_each(Work::run);
        };
        std::thread::Builder::new().name("check".into()).stack_size(STACK).spawn(work).ok()?;
        Some(Self { id: named.recv().ok()?, given: sender, elsewhere: usize::MAX })
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// So many files, settled.
    pub(crate) fn inputs(folder: &Path, count: usize) -> Arc<Inputs> {
        fs::create_dir_all(folder).unwrap();
        let paths = (0..count).map(|number| folder.join(format!("{number}.jl")));
        let files: Vec<_> = paths.inspect(|path| fs::write(path, "1").unwrap()).collect();
        let files: Vec<_> = files.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        Arc::new(Inputs::settled(&files, SystemTime::now() + Duration::from_secs(10)).unwrap())
    }

    pub(crate) fn with_folder(name: &str, work: impl FnOnce(&Path)) {
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
}
