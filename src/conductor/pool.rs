//! All workers, by key.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use super::adoption;
use super::decline::Decline;
use super::drain::Departed;
use super::group::{Claim, Group};
use super::guess::Guesses;
use super::key::{Key, Stamped};
use super::log::Log;
use super::row::Rush;
use super::unwarmed::Unwarmed;
use super::warmth::Warmth;
use super::{memory, size};
use crate::worker::Isolation;

/// Groups of workers kept at once: each is a booted Julia.
const MOST_GROUPS: usize = 8;

/// The launch that makes a group be booted.
#[derive(Debug, Clone, Copy)]
pub(super) enum First {
    /// It waits for a worker.
    Waits,
    /// It runs as plain Julia, in this process, and should not have to share the machine with the boot.
    RunsPlain(u32),
}

/// Every group of workers, and what has been learnt about Julias.
pub(super) struct Pool {
    pub(super) groups: RefCell<HashMap<Key, Rc<Group>>>,
    /// Julias whose probes failed, with the reason: launches of theirs are not forked.
    pub(super) unforkable: RefCell<HashMap<Stamped, String>>,
    pub(super) declined: RefCell<BTreeMap<Decline, u64>>,
    pub(super) spare_hits: Cell<u64>,
    /// Launches that a worker was given.
    pub(super) served: Cell<u64>,
    pub(super) rush: Cell<Rush>,
    pub(super) unwarmed: Unwarmed,
    pub(super) departed: Departed,
    /// Bytes that all workers may take together.
    pub(super) budget: u64,
    pub(super) memory_seen: size::Seen,
    pub(super) guesses: Guesses,
    pub(super) warmth: Warmth,
    pub(super) log: Log,
}

impl Pool {
    pub(super) fn new(log: Log) -> Self {
        Self {
            groups: RefCell::default(),
            unforkable: RefCell::default(),
            declined: RefCell::default(),
            spare_hits: Cell::new(0),
            served: Cell::new(0),
            rush: Cell::new(Rush::new()),
            unwarmed: Unwarmed::default(),
            departed: Departed::default(),
            budget: memory::budget(),
            memory_seen: size::Seen::default(),
            guesses: Guesses::default(),
            warmth: Warmth::new(),
            log,
        }
    }

    /// The group for a key, booted if there is none; what cannot be forked is served fresh.
    ///
    /// # Errors
    /// All places are taken by groups that run programs.
    pub(super) fn group(
        self: &Rc<Self>,
        key: Key,
        time_to_live: Option<Duration>,
        first: First,
    ) -> Result<Rc<Group>, Decline> {
        let key = if self.is_fresh_instead(&key) { key.fresh() } else { key };
        self.retire_replaced(&key);
        let known = self.groups.borrow().get(&key).cloned();
        if let Some(group) = known.filter(|group| !group.has_failed_long_ago()) {
            group.touch(time_to_live);
            return Ok(group);
        }
        self.drop_group(&key);
        self.make_room()?;
        let group = Rc::new(Group::new(key.clone()));
        *group.origin.borrow_mut() = self.why_none(&key);
        group.touch(time_to_live);
        self.groups.borrow_mut().insert(key, group.clone());
        adoption::boot_after(self, &group, first);
        Ok(group)
    }

    /// Why no workers serve launches with this key: in what it differs from the nearest that there are.
    fn why_none(&self, key: &Key) -> String {
        let groups = self.groups.borrow();
        let others = groups.keys().filter(|other| other.program.is_none()).map(|other| key.differences(other));
        let probe = self.unforkable.borrow().get(&key.julia).map(|why| format!("; its Julia is not forked: {why}"));
        let nearest = others.min_by_key(Vec::len).map_or_else(
            || "no worker had been started yet".to_owned(),
            |differences| format!("no worker yet for it; the nearest differs in {}", differences.join("; ")),
        );
        nearest + &probe.unwrap_or_default()
    }

    /// More about a launch that workers of this key were not given.
    pub(super) fn why_declined(&self, key: &Key, reason: Decline) -> String {
        let key = if self.is_fresh_instead(key) { key.fresh() } else { key.clone() };
        match (reason, self.groups.borrow().get(&key)) {
            (Decline::Booting, Some(group)) => group.origin.borrow().clone(),
            _ => reason.words().to_owned(),
        }
    }

    /// Workers of a Julia whose file is another one by now, or its system image's.
    fn retire_replaced(&self, current: &Key) {
        let groups = self.groups.borrow();
        let stale: Vec<Key> = groups.keys().filter(|key| key.is_replaced_by(current)).cloned().collect();
        drop(groups);
        for key in stale {
            self.log.line(&format!("{} was replaced: its workers retire", key.julia.path.display()));
            self.drop_group(&key);
        }
    }

    /// Lets go of a group whose zygote has ended.
    pub(super) fn remove(&self, group: &Rc<Group>) {
        let is_current = self.groups.borrow().get(&group.key).is_some_and(|known| Rc::ptr_eq(known, group));
        if is_current {
            self.groups.borrow_mut().remove(&group.key);
        }
        group.retire();
    }

    fn drop_group(&self, key: &Key) {
        let group = self.groups.borrow_mut().remove(key);
        if let Some(group) = group {
            group.retire();
        }
    }

    /// Drops the group used longest ago, if there are too many.
    fn make_room(&self) -> Result<(), Decline> {
        let is_booted = |group: &&Rc<Group>| group.key.program.is_none();
        if self.groups.borrow().values().filter(is_booted).count() < MOST_GROUPS {
            return Ok(());
        }
        let oldest = {
            let groups = self.groups.borrow();
            let idle = groups.values().filter(is_booted).filter(|group| group.jobs.borrow().is_empty());
            // What a session holds cannot be made again.
            idle.min_by_key(|group| (group.key.session.is_some(), group.last_used.get())).map(|group| group.key.clone())
        };
        let oldest = oldest.ok_or(Decline::TooManyWorkers)?;
        self.drop_group(&oldest);
        Ok(())
    }

    /// A worker of a group, counted.
    pub(super) fn claim(&self, group: &Group, require: bool) -> Result<Claim, Decline> {
        let claim = group.claim(require)?;
        if matches!(claim, Claim::Now(_)) {
            self.spare_hits.set(self.spare_hits.get() + 1);
        }
        Ok(claim)
    }

    /// Once a second: lets go of what has not been used for its time to live, and of Julias that were removed or replaced.
    pub(super) fn tidy(&self) {
        let groups: Vec<Rc<Group>> = self.groups.borrow().values().cloned().collect();
        let origins = Self::origins(&groups);
        for group in groups {
            group.relax();
            if group.key.is_replaced() {
                let path = group.key.julia.path.display();
                self.log.line(&format!("{path} is gone or another one: its workers retire"));
                self.drop_group(&group.key);
            } else if group.is_idle() && !origins.contains(&group.key) {
                self.log.line(&format!("idle workers of {} end", group.key.julia.path.display()));
                self.drop_group(&group.key);
            } else if group.has_failed_long_ago() {
                self.drop_group(&group.key);
            }
        }
    }

    /// What branches come from, which stays as long as these do: their next versions come from it. A launch from a branch is one for
    /// its Julia's workers as well.
    fn origins(groups: &[Rc<Group>]) -> HashSet<Key> {
        let mut origins = HashSet::new();
        for branch in groups.iter().filter(|group| group.key.program.is_some() && !group.is_idle()) {
            let key = branch.key.base();
            if let Some(base) = groups.iter().find(|group| group.key == key) {
                base.last_used.set(base.last_used.get().max(branch.last_used.get()));
            }
            origins.insert(key);
        }
        origins
    }

    /// Launches with this key, which asks for a fork, are served by fresh workers.
    pub(super) fn is_fresh_instead(&self, key: &Key) -> bool {
        key.isolation == Isolation::Fork && self.unforkable.borrow().contains_key(&key.julia)
    }

    pub(super) fn note_unforkable(&self, julia: &Stamped, why: &str) {
        self.unforkable.borrow_mut().insert(julia.clone(), why.to_owned());
    }

    /// Programs that run.
    pub(super) fn running(&self) -> usize {
        let known: usize = self.groups.borrow().values().map(|group| group.jobs.borrow().len()).sum();
        known + self.departed.count()
    }

    /// There is no worker, and none is being made.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.borrow().is_empty() && self.departed.count() == 0
    }

    pub(super) fn count_served(&self) {
        self.served.set(self.served.get() + 1);
        self.rush.set(self.rush.get().and_one());
    }

    pub(super) fn count_declined(&self, reason: Decline) {
        *self.declined.borrow_mut().entry(reason).or_default() += 1;
    }
}
