//! All workers, by key.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use super::adoption;
use super::decline::Decline;
use super::group::{Claim, Group, Phase};
use super::key::{Julia, Key};
use super::log::Log;
use super::warmth::Warmth;
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
    pub(super) unforkable: RefCell<HashMap<Julia, String>>,
    pub(super) declined: RefCell<BTreeMap<Decline, u64>>,
    pub(super) spare_hits: Cell<u64>,
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
            warmth: Warmth::new(),
            log,
        }
    }

    /// The group for a key, booted if there is none; what cannot be forked is served fresh.
    ///
    /// # Errors
    /// All places are taken by groups that run programs.
    pub(super) fn group(self: &Rc<Self>, key: Key, time_to_live: Duration, first: First) -> Result<Rc<Group>, Decline> {
        let key = if self.is_fresh_instead(&key) { key.fresh() } else { key };
        self.retire_replaced(&key.julia);
        let known = self.groups.borrow().get(&key).cloned();
        if let Some(group) = known.filter(|group| !group.is_expired()) {
            group.touch(time_to_live);
            return Ok(group);
        }
        self.drop_group(&key);
        self.make_room()?;
        let group = Rc::new(Group::new(key.clone()));
        group.touch(time_to_live);
        self.groups.borrow_mut().insert(key, group.clone());
        adoption::boot_after(self, &group, first);
        Ok(group)
    }

    /// Workers of a Julia whose file is another one by now.
    fn retire_replaced(&self, current: &Julia) {
        let replaced = |key: &Key| key.julia.path == current.path && key.julia != *current;
        let stale: Vec<Key> = self.groups.borrow().keys().filter(|key| replaced(key)).cloned().collect();
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
        for group in groups {
            group.relax();
            let julia = &group.key.julia;
            if Julia::at(&julia.path).as_ref() != Ok(julia) {
                self.log.line(&format!("{} is gone or another one: its workers retire", julia.path.display()));
                self.drop_group(&group.key);
            } else if group.is_expired() {
                if !matches!(group.phase.get(), Phase::Failed(_)) {
                    self.log.line(&format!("idle workers of {} end", group.key.julia.path.display()));
                }
                self.drop_group(&group.key);
            }
        }
    }

    /// Launches with this key, which asks for a fork, are served by fresh workers.
    pub(super) fn is_fresh_instead(&self, key: &Key) -> bool {
        key.isolation == Isolation::Fork && self.unforkable.borrow().contains_key(&key.julia)
    }

    pub(super) fn note_unforkable(&self, julia: &Julia, why: &str) {
        self.unforkable.borrow_mut().insert(julia.clone(), why.to_owned());
    }

    pub(super) fn count_declined(&self, reason: Decline) {
        *self.declined.borrow_mut().entry(reason).or_default() += 1;
    }
}
