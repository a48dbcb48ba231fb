//! The workers of one key: a zygote and its spares, or fresh processes, and the launches that wait for them.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::decline::Decline;
use super::inputs::Inputs;
use super::key::Key;
use super::row::Row;
use super::size::Memory;
use super::socket_io::Socket;
use crate::julia::Version;
use crate::protocol::Packet;
use crate::worker::Isolation;

/// Spares kept ahead for a launch that may come; for launches that come; and at most. A launch that finds none raises it.
const FEWEST_SPARES: usize = 1;
const USUAL_SPARES: usize = 2;
const MOST_SPARES: usize = 8;
/// Without a miss for so long, one spare fewer is kept.
const CALM: Duration = Duration::from_secs(60);
/// How long workers are kept after their last launch.
const DEFAULT_TTL: Duration = Duration::from_secs(7200);
/// How long a Julia that could not be started is left alone.
const RETRY: Duration = Duration::from_secs(60);

/// A process that waits for a job on `stream`; `parent` has to know of it.
pub(super) struct Spare {
    pub(super) pid: u32,
    pub(super) stream: Socket,
    pub(super) parent: Rc<Socket>,
}

/// A job that a worker has been given.
pub(super) struct RunningJob {
    pub(super) channel: OwnedFd,
    /// Who will know how it ends.
    pub(super) parent: Rc<Socket>,
    /// The key of the branch that it has, or may get.
    pub(super) program: Option<Key>,
    pub(super) client: u32,
    pub(super) since: Instant,
}

/// How far the workers of a key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Booting,
    Ready(Version),
    /// Julia ended or hung before it was ready.
    Failed(Instant),
}

/// Workers of one key.
pub(super) struct Group {
    pub(super) key: Key,
    pub(super) phase: Cell<Phase>,
    pub(super) zygote: RefCell<Option<(u32, Rc<Socket>)>>,
    pub(super) spares: RefCell<VecDeque<Spare>>,
    waiting: RefCell<VecDeque<oneshot::Sender<Spare>>>,
    /// Running jobs and their channels: the conductor takes over those whose parent dies.
    pub(super) jobs: RefCell<HashMap<u32, RunningJob>>,
    /// Forks asked for and not answered yet, and fresh workers that boot.
    pub(super) coming: Cell<usize>,
    wanted_spares: Cell<usize>,
    last_miss: Cell<Instant>,
    pub(super) last_used: Cell<Instant>,
    pub(super) row: Cell<Row>,
    pub(super) time_to_live: Cell<Duration>,
    /// What a program has left; holds for launches that say nothing else.
    own_time_to_live: Cell<Duration>,
    pub(super) served: Cell<u64>,
    pub(super) misses: Cell<u64>,
    /// Another zygote serves, or a job has ended.
    pub(super) changed: Notify,
    /// A successor is being raised.
    pub(super) is_growing: Cell<bool>,
    pub(super) retired: Notify,
    pub(super) is_retired: Cell<bool>,
    /// Of a branch: what it was made from, and what was done, in words.
    pub(super) inputs: RefCell<Arc<Inputs>>,
    pub(super) about: RefCell<String>,
    /// Why there was none when the launch came that made it.
    pub(super) origin: RefCell<String>,
    /// Of a branch: methods that were compiled ahead.
    pub(super) methods: Cell<u32>,
    /// Of a branch: it takes, or is about to take, memory only to be forked quickly.
    pub(super) is_large: Cell<bool>,
    /// Of zygote and spares, as it was last seen. `None`: not yet.
    pub(super) memory: Cell<Option<Memory>>,
    pub(super) born: Instant,
}

impl Group {
    pub(super) fn new(key: Key) -> Self {
        let now = Instant::now();
        Self {
            key,
            phase: Cell::new(Phase::Booting),
            zygote: RefCell::default(),
            spares: RefCell::default(),
            waiting: RefCell::default(),
            jobs: RefCell::default(),
            coming: Cell::new(0),
            wanted_spares: Cell::new(USUAL_SPARES),
            last_miss: Cell::new(now),
            last_used: Cell::new(now),
            row: Cell::default(),
            time_to_live: Cell::new(DEFAULT_TTL),
            own_time_to_live: Cell::new(DEFAULT_TTL),
            served: Cell::new(0),
            misses: Cell::new(0),
            changed: Notify::new(),
            is_growing: Cell::new(false),
            retired: Notify::new(),
            is_retired: Cell::new(false),
            inputs: RefCell::default(),
            about: RefCell::default(),
            origin: RefCell::default(),
            methods: Cell::new(0),
            is_large: Cell::new(false),
            memory: Cell::default(),
            born: now,
        }
    }

    /// Counts on where another group for the same launches ends.
    pub(super) fn continue_from(&self, other: &Self) {
        self.served.set(other.served.get());
        self.misses.set(other.misses.get());
        self.last_used.set(other.last_used.get());
        self.time_to_live.set(other.time_to_live.get());
        self.own_time_to_live.set(other.own_time_to_live.get());
    }

    /// The key of a job's own branch.
    pub(super) fn program_of(&self, pid: u32) -> Option<Key> {
        self.jobs.borrow().get(&pid).and_then(|job| job.program.clone())
    }

    pub(super) fn zygote_pid(&self) -> Option<u32> {
        self.zygote.borrow().as_ref().map(|(pid, _)| *pid)
    }

    /// Its processes that run no program.
    pub(super) fn waiting_pids(&self) -> Vec<u32> {
        self.zygote_pid().into_iter().chain(self.spares.borrow().iter().map(|spare| spare.pid)).collect()
    }

    /// Bytes that would be free without them; 0 where they have not been looked at yet.
    pub(super) fn takes(&self) -> u64 {
        self.memory.get().map_or(0, |memory| memory.proportional)
    }

    /// What kind of worker launches get here.
    pub(super) fn kind(&self) -> &'static str {
        if self.key.program.is_some() { "branch" } else { self.key.isolation.name() }
    }

    /// Whether `control` leads to a zygote that has left its place to another.
    pub(super) fn is_replaced(&self, control: &Rc<Socket>) -> bool {
        self.zygote.borrow().as_ref().is_some_and(|(_, current)| !Rc::ptr_eq(current, control))
    }

    /// Notes a launch that wants a worker of this group.
    pub(super) fn touch(&self, time_to_live: Option<Duration>) {
        let before = self.last_used.replace(Instant::now());
        self.row.set(self.row.get().and_one(before));
        self.time_to_live.set(time_to_live.unwrap_or(self.own_time_to_live.get()));
    }

    /// Launches come one after the other.
    pub(super) fn is_in_loop(&self) -> bool {
        self.row.get().is_loop(self.last_used.get())
    }

    /// They come so, or came not long ago.
    pub(super) fn was_in_loop(&self) -> bool {
        self.row.get().was_loop(self.last_used.get())
    }

    /// A program has left another time to live, in seconds.
    pub(super) fn live_for(&self, seconds: i32) {
        let time_to_live = Duration::from_secs(u64::from(seconds.unsigned_abs()));
        self.own_time_to_live.set(time_to_live);
        self.time_to_live.set(time_to_live);
    }

    /// A spare at once, or something to wait for.
    ///
    /// # Errors
    /// Nothing that is worth waiting for: plain Julia is there sooner.
    pub(super) fn claim(&self, require: bool) -> Result<Claim, Decline> {
        if let Some(spare) = self.spares.borrow_mut().pop_front() {
            // Where one has come another may follow.
            self.wanted_spares.set(self.wanted_spares.get().max(USUAL_SPARES));
            return Ok(Claim::Now(Box::new(spare)));
        }
        match (self.phase.get(), self.key.isolation) {
            (Phase::Failed(_), _) => return Err(Decline::CannotBoot),
            (Phase::Booting, _) if !require => return Err(Decline::Booting),
            (Phase::Ready(_), Isolation::Fresh | Isolation::Repl) if !require => return Err(Decline::NoSpare),
            _ => {}
        }
        self.note_miss();
        let (give, take) = oneshot::channel();
        self.waiting.borrow_mut().push_back(give);
        Ok(Claim::Later(take))
    }

    fn note_miss(&self) {
        self.misses.set(self.misses.get() + 1);
        self.last_miss.set(Instant::now());
        self.wanted_spares.set((self.wanted_spares.get() + 1).min(MOST_SPARES));
    }

    /// A spare has come: to the launch that has waited longest, or into the pool.
    pub(super) fn add_spare(&self, spare: Spare) {
        self.coming.set(self.coming.get().saturating_sub(1));
        let mut spare = spare;
        while let Some(waiter) = self.waiting.borrow_mut().pop_front() {
            match waiter.send(spare) {
                Ok(()) => return,
                Err(returned) => spare = returned,
            }
        }
        self.spares.borrow_mut().push_back(spare);
    }

    /// How many more spares should be made now.
    pub(super) fn shortage(&self) -> usize {
        if self.is_retired.get() {
            return 0;
        }
        let waiting = self.waiting.borrow().iter().filter(|waiter| !waiter.is_closed()).count();
        let wanted = match self.key.isolation {
            Isolation::Fork => self.wanted_spares.get(),
            Isolation::Fresh | Isolation::Repl => 1,
            // One, and a new one only where a launch has found that it has ended.
            Isolation::Session => {
                let has_one =
                    !self.jobs.borrow().is_empty() || self.coming.get() > 0 || !self.spares.borrow().is_empty();
                return usize::from(waiting > 0 && !has_one);
            }
        };
        (wanted + waiting).saturating_sub(self.spares.borrow().len() + self.coming.get())
    }

    /// Runs a launch, or has promised one's turn to another.
    pub(super) fn is_busy(&self) -> bool {
        !self.jobs.borrow().is_empty() || self.waiting.borrow().iter().any(|waiter| !waiter.is_closed())
    }

    /// Asks the zygote for the spares that are missing.
    pub(super) fn ask_for_spares(&self) {
        let Phase::Ready(_) = self.phase.get() else { return };
        let zygote = self.zygote.borrow();
        let (Some((_, control)), count) = (zygote.as_ref(), self.shortage()) else { return };
        let Ok(packets) = i32::try_from(count) else { return };
        let urgent = self.waiting.borrow().iter().any(|waiter| !waiter.is_closed());
        let packet = Packet::Fork { count: if urgent { -packets } else { packets } };
        if count > 0 && control.send_packet(packet, &[]).is_ok() {
            self.coming.set(self.coming.get() + count);
        }
    }

    /// No worker will come: whoever waits runs plain Julia, and the next try comes later.
    pub(super) fn fail(&self) {
        self.phase.set(Phase::Failed(Instant::now()));
        self.coming.set(0);
        self.waiting.borrow_mut().clear();
        self.spares.borrow_mut().clear();
        self.zygote.borrow_mut().take();
    }

    /// Lets go of all workers; jobs run to their end without us.
    pub(super) fn retire(&self) {
        self.is_retired.set(true);
        self.spares.borrow_mut().clear();
        self.waiting.borrow_mut().clear();
        self.zygote.borrow_mut().take();
        self.retired.notify_waiters();
    }

    /// It failed so long ago that it may be tried again.
    pub(super) fn has_failed_long_ago(&self) -> bool {
        matches!(self.phase.get(), Phase::Failed(at) if at.elapsed() > RETRY)
    }

    /// Nothing runs here and nothing has for the time to live.
    pub(super) fn is_idle(&self) -> bool {
        let is_used = !self.waiting.borrow().is_empty() || !self.jobs.borrow().is_empty();
        matches!(self.phase.get(), Phase::Ready(_))
            && !is_used
            && self.last_used.get().elapsed() > self.time_to_live.get()
    }

    /// A fresh worker did not come up. Only the first one's failure tells of all.
    pub(super) fn lose_fresh(&self) {
        self.coming.set(self.coming.get().saturating_sub(1));
        if self.phase.get() == Phase::Booting {
            self.fail();
        }
    }

    /// A job or spare has ended; tells whether it was a job.
    pub(super) fn forget(&self, pid: u32) -> bool {
        let was_job = self.jobs.borrow_mut().remove(&pid).is_some();
        if was_job {
            self.last_used.set(Instant::now());
        }
        self.spares.borrow_mut().retain(|spare| spare.pid != pid);
        was_job
    }

    /// Fewer spares in calm times: one after the other, the usual ones only where nothing is launched at all.
    pub(super) fn relax(&self) {
        let is_idle = self.last_used.get().elapsed() > CALM && self.jobs.borrow().is_empty();
        let fewest = if is_idle { FEWEST_SPARES } else { USUAL_SPARES };
        if self.last_miss.get().elapsed() > CALM && self.wanted_spares.get() > fewest {
            self.wanted_spares.set(self.wanted_spares.get() - 1);
            self.last_miss.set(Instant::now());
            self.drop_surplus();
        }
    }

    /// As few as there can be; tells whether any has gone.
    pub(super) fn keep_one_spare(&self) -> bool {
        self.wanted_spares.set(FEWEST_SPARES);
        self.drop_surplus()
    }

    /// Those that are used once are dear to make, and there are never many.
    fn drop_surplus(&self) -> bool {
        if self.key.isolation != Isolation::Fork {
            return false;
        }
        let mut spares = self.spares.borrow_mut();
        let before = spares.len();
        // The oldest are the most settled.
        spares.truncate(self.wanted_spares.get());
        spares.len() < before
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.borrow().iter().any(|waiter| !waiter.is_closed())
    }
}

/// A worker for one launch.
pub(super) enum Claim {
    Now(Box<Spare>),
    Later(oneshot::Receiver<Spare>),
}
