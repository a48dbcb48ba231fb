//! Launches that expect the same kind of worker run side by side; of different kinds, in turn.
//!
//! The conductor counts what each kind has served. While all launches expect one kind, a count of another one that
//! goes up is a mistake, whoever made it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who runs now.
#[derive(Default)]
pub struct Turns {
    now: Mutex<(&'static str, usize)>,
    changed: Condvar,
}

/// A place among those of one kind, until it is dropped.
pub struct Turn<'a>(&'a Turns);

impl Turns {
    pub fn take(&self, kind: &'static str) -> Turn<'_> {
        let mut now = self.lock();
        while now.1 > 0 && now.0 != kind {
            now = self.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        *now = (kind, now.1 + 1);
        Turn(self)
    }

    fn lock(&self) -> MutexGuard<'_, (&'static str, usize)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().1 -= 1;
        self.0.changed.notify_all();
    }
}
