//! Launches that come one after the other.

use std::time::{Duration, Instant};

/// A loop of launches comes back within this.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// So many launches, each of them soon after the one before, are a loop.
pub(super) const LOOP: u32 = 3;

/// A loop that ended within this may come back.
const LATELY: Duration = Duration::from_secs(60);

/// Launches, each of them soon after the one before. When the last one was, or ended, is known to whoever keeps this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    launches: u32,
    begun: Instant,
}

impl Row {
    pub(super) fn empty() -> Self {
        Self { launches: 0, begun: Instant::now() }
    }

    /// With a launch that comes now.
    pub(super) fn and_one(self, last: Instant) -> Self {
        if self.launches > 0 && last.elapsed() < SOON {
            Self { launches: self.launches.saturating_add(1), ..self }
        } else {
            Self { launches: 1, begun: Instant::now() }
        }
    }

    /// Launches come one after the other.
    pub(super) fn is_loop(self, last: Instant) -> bool {
        self.launches >= LOOP && last.elapsed() < SOON
    }

    /// They came so not long ago: for how long.
    pub(super) fn last_loop(self, last: Instant) -> Option<Duration> {
        (self.launches >= LOOP && last.elapsed() < LATELY).then(|| last.duration_since(self.begun))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn three_launches_soon_after_one_another_are_a_loop() {
        let now = Instant::now();
        let (mut row, long_ago) = (Row::empty(), now.checked_sub(SOON).unwrap());
        for number in 1..=LOOP {
            row = row.and_one(now);
            assert_eq!(row.is_loop(now), number == LOOP);
            assert_eq!(row.last_loop(now).is_some(), number == LOOP);
        }
        assert!(!row.is_loop(long_ago) && row.last_loop(long_ago).is_some());
        assert!(row.last_loop(now.checked_sub(LATELY).unwrap()).is_none());
        assert!(!row.and_one(long_ago).is_loop(now), "that is the first of the next ones");
    }
}
