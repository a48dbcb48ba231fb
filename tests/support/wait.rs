//! Waiting for something that another process does, instead of sleeping and hoping.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// Returns once `holds` does; panics with `expectation` when that takes too long.
pub fn wait_until(expectation: &str, holds: impl FnMut() -> bool) {
    assert!(comes_true(DEADLINE, holds), "waited {} s in vain until {expectation}", DEADLINE.as_secs());
}

/// Whether `holds` becomes true within `limit`.
pub fn comes_true(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(3));
    }
}
