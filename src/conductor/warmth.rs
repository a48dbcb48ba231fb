//! Which programs get a branch of their own, and when: what has been run twice will be run again.
//!
//! Invariant: a launch never waits for a branch, and none is served by one that was made from something else than what is
//! there now.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::branch;
use super::group::{Group, Phase};
use super::inputs::Inputs;
use super::key::Key;
use super::pool::Pool;
use super::profile::{Profile, Profiles};
use super::row::Row;
use crate::protocol::Recipe;

/// Launches of a program before it gets a branch.
const FEWEST_USES: u64 = 2;
/// Programs that are remembered at a time.
const MOST_PROGRAMS: usize = 200;
/// Branches are made again for what their launches still had to compile, so many times.
const MOST_REGROWN: u32 = 3;
/// Launches that note what they have to compile, before the first branch and after each.
const LESSONS: u32 = 4;
/// A branch that was refused is tried again after so long, and each time after twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(60);
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 3600);
/// A launch that has run for less may still be precompiling its packages. A branch would do the same beside it, and from 1.11 on
/// Julia says so.
const BEGINNING: Duration = Duration::from_secs(120);
/// A branch that takes longer does not hold up the others any more: it may hang.
const PATIENCE: Duration = Duration::from_secs(15);
/// Branches that are grown at a time, slow ones included.
const MOST_GROWING: usize = 4;
/// A file that was changed a moment ago settles within this.
const SETTLING: Duration = Duration::from_secs(3);

/// What is known of all programs.
pub(super) struct Warmth {
    programs: RefCell<HashMap<Key, Candidate>>,
    profiles: Profiles,
    /// Programs whose branches are being grown.
    growing: RefCell<HashSet<Key>>,
    /// One of them has been begun a short time ago: the others wait for it.
    is_busy: Cell<bool>,
}

/// A program that may get a branch.
struct Candidate {
    profile: Profile,
    recipe: Recipe,
    last_used: Instant,
    /// Of its launches, whoever served them.
    row: Row,
    /// Something is noted that its branch was not made with.
    has_news: bool,
    /// It was launched, and not from a branch, since one was last tried.
    is_wanted: bool,
    /// The profile on disk is older.
    is_unsaved: bool,
    regrown: u32,
    /// Launches that are still to note what they have to compile. A program can see that its launch does
    /// (`Base.JLOptions().trace_compile`), so not all do.
    lessons: u32,
    refused: Option<Refusal>,
}

impl Candidate {
    fn new(profile: Profile) -> Self {
        Self {
            profile,
            recipe: Recipe::default(),
            last_used: Instant::now(),
            row: Row::default(),
            has_news: false,
            is_wanted: true,
            is_unsaved: false,
            regrown: 0,
            lessons: LESSONS,
            refused: None,
        }
    }
}

struct Refusal {
    why: String,
    /// Waiting helps.
    is_passing: bool,
    until: Instant,
    times: u32,
}

/// How growing a branch ended.
pub(super) enum Outcome {
    Grown,
    /// The program cannot have one, for this reason.
    Refused(String),
    /// This file was changed too short a time ago to tell.
    Unsettled(PathBuf),
    /// The worker was lost, perhaps by what it was told to compile.
    Lost(String),
}

impl Warmth {
    pub(super) fn new() -> Self {
        Self {
            programs: RefCell::default(),
            profiles: Profiles::new(),
            growing: RefCell::default(),
            is_busy: Cell::new(false),
        }
    }

    /// Has a program treated as one that has been run often enough, and will be run again.
    pub(super) fn expect(&self, key: &Key, recipe: Recipe) {
        let mut programs = self.programs.borrow_mut();
        let candidate = self.candidate(&mut programs, key);
        candidate.profile.uses = candidate.profile.uses.max(FEWEST_USES);
        candidate.recipe = recipe;
        candidate.last_used = Instant::now();
        candidate.is_wanted = true;
        candidate.refused = None;
    }

    /// Why a program was refused a branch, as far as waiting does not help.
    pub(super) fn refused(&self, key: &Key) -> Option<String> {
        let programs = self.programs.borrow();
        let refusal = programs.get(key)?.refused.as_ref()?;
        (!refusal.is_passing).then(|| refusal.why.clone())
    }

    /// What is known of a program; so many others are remembered.
    fn candidate<'a>(&self, programs: &'a mut HashMap<Key, Candidate>, key: &Key) -> &'a mut Candidate {
        if programs.len() >= MOST_PROGRAMS && !programs.contains_key(key) {
            let oldest = programs.iter().min_by_key(|(_, known)| known.last_used).map(|(key, _)| key.clone());
            oldest.map(|key| programs.remove(&key));
        }
        programs.entry(key.clone()).or_insert_with(|| Candidate::new(self.profiles.load(key)))
    }

    /// Notes a launch of a program; tells whether it is to note what it has to compile.
    pub(super) fn note_launch(&self, key: &Key, recipe: impl FnOnce() -> Recipe) -> bool {
        let mut programs = self.programs.borrow_mut();
        let candidate = self.candidate(&mut programs, key);
        candidate.profile.uses += 1;
        candidate.is_unsaved |= candidate.profile.uses <= FEWEST_USES;
        candidate.row = candidate.row.and_one(candidate.last_used);
        candidate.last_used = Instant::now();
        candidate.is_wanted = true;
        let is_lesson = candidate.lessons > 0;
        // A branch that knows all that its launches need is not made again: they need not say what from.
        if is_lesson || candidate.refused.is_some() {
            candidate.recipe = recipe();
        }
        candidate.lessons = candidate.lessons.saturating_sub(1);
        is_lesson
    }

    /// How a program has been launched lately: a branch that comes amid a loop is in it from the start.
    pub(super) fn row(&self, key: &Key) -> Row {
        self.programs.borrow().get(key).map(|known| known.row).unwrap_or_default()
    }

    /// This launch is the first of what the program has become: who edits and runs it in turns wants no memory spent on each.
    fn note_change(&self, key: &Key) {
        if let Some(candidate) = self.programs.borrow_mut().get_mut(key) {
            candidate.row = Row::default().and_one(candidate.last_used);
        }
    }

    /// The launch gets its branch. Should that be let go of, only another launch is a reason to make it again.
    fn note_served(&self, key: &Key) {
        if let Some(candidate) = self.programs.borrow_mut().get_mut(key) {
            candidate.is_wanted = false;
        }
    }

    /// What a job of this program had to compile.
    pub(super) fn take_notes(&self, key: &Key, text: &[u8]) {
        if let Some(candidate) = self.programs.borrow_mut().get_mut(key) {
            let has_news = candidate.profile.add(text);
            candidate.has_news |= has_news;
            candidate.is_unsaved |= has_news;
        }
    }

    /// Grows a branch for a program if that is due.
    pub(super) fn consider(&self, pool: &Rc<Pool>, key: &Key) {
        if self.is_full() || !self.is_due(pool, key) {
            return;
        }
        let Some(base) = pool.groups.borrow().get(&key.base()).cloned() else { return };
        // Its successor would be forked beside, and what it has learnt is wanted.
        if base.is_growing.get() || !matches!(base.phase.get(), Phase::Ready(_)) || is_beginning(&base, key) {
            return;
        }
        let Some(recipe) = self.recipe(key) else { return };
        tokio::task::spawn_local(grow(pool.clone(), base, key.clone(), recipe));
        self.growing.borrow_mut().insert(key.clone());
        self.is_busy.set(true);
    }

    fn is_full(&self) -> bool {
        self.is_busy.get() || self.growing.borrow().len() >= MOST_GROWING
    }

    fn is_due(&self, pool: &Pool, key: &Key) -> bool {
        let has_branch = pool.groups.borrow().contains_key(key);
        self.programs.borrow().get(key).is_some_and(|known| {
            let is_refused = known.refused.as_ref().is_some_and(|refusal| Instant::now() < refusal.until);
            let wants = if has_branch {
                known.has_news && known.regrown < MOST_REGROWN
            } else {
                known.profile.uses >= FEWEST_USES && known.is_wanted
            };
            wants && !is_refused && !self.growing.borrow().contains(key)
        })
    }

    fn recipe(&self, key: &Key) -> Option<Recipe> {
        let mut programs = self.programs.borrow_mut();
        let known = programs.get_mut(key)?;
        known.has_news = false;
        known.is_wanted = false;
        let notes = known.profile.notes.iter().map(|note| note.clone().into_bytes()).collect();
        Some(Recipe { notes, ..known.recipe.clone() })
    }

    fn note_outcome(&self, pool: &Rc<Pool>, key: &Key, outcome: Outcome) {
        let mut programs = self.programs.borrow_mut();
        let Some(known) = programs.get_mut(key) else { return };
        let times = known.refused.take().map_or(0, |refusal| refusal.times);
        // Whatever it is, it is tried ever less often.
        let pause = |first: Duration| first.saturating_mul(2_u32.saturating_pow(times)).min(LONGEST_RETRY);
        let is_passing = matches!(outcome, Outcome::Unsettled(_));
        let refuse = |why: String, first| {
            Some(Refusal { why, is_passing, until: Instant::now() + pause(first), times: times.saturating_add(1) })
        };
        match outcome {
            Outcome::Grown => {
                known.regrown += 1;
                known.lessons = LESSONS;
            }
            Outcome::Unsettled(path) => {
                known.is_wanted = true;
                known.refused = refuse(format!("{} changed a moment ago", path.display()), SETTLING);
            }
            Outcome::Refused(why) => {
                pool.log.line(&format!("no branch for {}: {why}", key.words()));
                known.refused = refuse(why, FIRST_RETRY);
            }
            Outcome::Lost(why) => {
                pool.log.line(&format!("the branch for {} was lost, its profile is forgotten: {why}", key.words()));
                known.profile.notes.clear();
                known.is_unsaved = true;
                known.refused = refuse(why, FIRST_RETRY);
            }
        }
    }

    /// Once a second: what is due, and what is to be kept.
    pub(super) fn tick(&self, pool: &Rc<Pool>) {
        let mut due = Vec::new();
        for (key, known) in self.programs.borrow_mut().iter_mut() {
            if known.is_unsaved {
                self.profiles.store(key, &known.profile);
                known.is_unsaved = false;
            }
            due.push((known.last_used, key.clone()));
        }
        due.sort_by_key(|(last_used, _)| std::cmp::Reverse(*last_used));
        for (_, key) in &due {
            self.consider(pool, key);
        }
    }

    /// Why a program has no branch, at its launch.
    fn why_none(&self, pool: &Pool, key: &Key) -> String {
        let programs = self.programs.borrow();
        let known = programs.get(key);
        if let Some(refusal) = known.and_then(|known| known.refused.as_ref()) {
            return format!("nothing is done ahead for it: {}", refusal.why);
        }
        let groups = pool.groups.borrow();
        let is_sibling = |other: &&Key| match (&other.program, &key.program) {
            (Some(other), Some(own)) => other.is_same_program(own),
            _ => false,
        };
        let siblings = groups.keys().filter(is_sibling).map(|other| key.differences(other));
        if let Some(differences) = siblings.min_by_key(Vec::len) {
            return format!("its branch is for other launches, which differ in {}", differences.join("; "));
        }
        match known.map_or(0, |known| known.profile.uses) {
            0 | 1 => "it is run for the first time".to_owned(),
            _ => "its branch is not ready yet".to_owned(),
        }
    }

    /// Programs without a branch, and why.
    pub(super) fn refusals(&self) -> Vec<(String, String)> {
        let programs = self.programs.borrow();
        let refused =
            programs.iter().filter_map(|(key, known)| Some((key.words(), known.refused.as_ref()?.why.clone())));
        let mut all: Vec<_> = refused.collect();
        all.sort();
        all
    }
}

/// Whether a launch of this program has begun a moment ago.
fn is_beginning(base: &Group, key: &Key) -> bool {
    let jobs = base.jobs.borrow();
    jobs.values().any(|job| job.program.as_ref() == Some(key) && job.since.elapsed() < BEGINNING)
}

async fn grow(pool: Rc<Pool>, base: Rc<Group>, key: Key, recipe: Recipe) {
    let mut growth = std::pin::pin!(branch::grow(&pool, &base, &key, &recipe));
    let in_time = tokio::time::timeout(PATIENCE, growth.as_mut()).await;
    pool.warmth.is_busy.set(false);
    let outcome = match in_time {
        Ok(outcome) => outcome,
        Err(_) => growth.await,
    };
    pool.warmth.growing.borrow_mut().remove(&key);
    pool.warmth.note_outcome(&pool, &key, outcome);
}

/// The branch for a program, if there is one that is still what it would be if it were made now; else why there is none.
/// `changed` looks at what it was made from.
pub(super) fn branch(
    pool: &Rc<Pool>,
    key: &Key,
    changed: impl FnOnce(&Arc<Inputs>) -> Option<PathBuf>,
) -> Result<Rc<Group>, String> {
    let group = pool.groups.borrow().get(key).cloned();
    let Some(group) = group else { return Err(pool.warmth.why_none(pool, key)) };
    let changed = changed(&group.inputs.borrow());
    if let Some(path) = changed {
        pool.log.line(&format!("{} changed: the branch for {} ends", path.display(), key.words()));
        pool.remove(&group);
        pool.warmth.note_change(key);
        return Err(format!("{} changed", path.display()));
    }
    match group.phase.get() {
        Phase::Ready(_) => {
            pool.warmth.note_served(key);
            Ok(group)
        }
        _ => Err("its branch is being made".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::row::LOOP;
    use super::super::ticker::tests::pool;
    use super::*;

    #[test]
    fn launches_count_whoever_serves_them_until_a_file_changes() {
        let pool = pool();
        let key = pool.groups.borrow().keys().next().unwrap().clone();
        let is_loop = || pool.warmth.row(&key).is_loop(Instant::now());
        for number in 1..=LOOP {
            pool.warmth.note_launch(&key, Recipe::default);
            assert_eq!(is_loop(), number == LOOP);
        }
        pool.warmth.note_change(&key);
        assert!(!is_loop());
    }
}
