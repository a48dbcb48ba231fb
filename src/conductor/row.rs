//! Launches that come one after the other.

use std::time::{Duration, Instant};

/// A loop of launches comes back within this.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// So many launches, each of them soon after the one before, are a loop.
pub(super) const LOOP: u32 = 3;

/// A loop that ended within this may come back.
const LATELY: Duration = Duration::from_secs(60);

/// Launches of one program, each of them soon after the one before. When the last one was, or ended, is known to whoever keeps this.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    launches: u32,
}

impl Row {
    /// With a launch that comes now.
    pub(super) fn and_one(self, last: Instant) -> Self {
        Self { launches: if last.elapsed() < SOON { self.launches.saturating_add(1) } else { 1 } }
    }

    /// Launches come one after the other.
    pub(super) fn is_loop(self, last: Instant) -> bool {
        self.launches >= LOOP && last.elapsed() < SOON
    }

    /// They come so, or came not long ago.
    pub(super) fn was_loop(self, last: Instant) -> bool {
        self.launches >= LOOP && last.elapsed() < LATELY
    }
}

/// A pause between launches, of whatever programs.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether what happened then is followed by a pause.
pub(super) fn is_over(last: Instant) -> bool {
    last.elapsed() >= PAUSE
}

/// Launches of whatever programs that come without a pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rush {
    begun: Instant,
    last: Instant,
}

impl Rush {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), last: Instant::now() }
    }

    #[cfg(test)]
    pub(super) fn that_lasted(lasted: Duration, ended: Duration) -> Option<Self> {
        let last = Instant::now().checked_sub(ended)?;
        Some(Self { begun: last.checked_sub(lasted)?, last })
    }

    /// With a launch that comes now.
    pub(super) fn and_one(self) -> Self {
        let now = Instant::now();
        Self { begun: if self.is_over() { now } else { self.begun }, last: now }
    }

    /// Nothing has been launched for a while.
    pub(super) fn is_over(self) -> bool {
        is_over(self.last)
    }

    /// From the first launch to the last one.
    pub(super) fn lasted(self) -> Duration {
        self.last.duration_since(self.begun)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn three_launches_soon_after_one_another_are_a_loop() {
        let now = Instant::now();
        let (mut row, long_ago) = (Row::default(), now.checked_sub(SOON).unwrap());
        for number in 1..=LOOP {
            row = row.and_one(now);
            assert_eq!((row.is_loop(now), row.was_loop(now)), (number == LOOP, number == LOOP));
        }
        assert!(!row.is_loop(long_ago) && row.was_loop(long_ago));
        assert!(!row.was_loop(now.checked_sub(LATELY).unwrap()));
        assert!(!row.and_one(long_ago).is_loop(now), "that is the first of the next ones");
    }

    #[test]
    fn launches_after_a_pause_are_another_rush() {
        let rush = Rush::that_lasted(SOON, Duration::ZERO).unwrap();
        assert!(!rush.is_over() && rush.lasted() == SOON && rush.and_one().lasted() >= SOON);
        let over = Rush::that_lasted(SOON, PAUSE).unwrap();
        assert!(over.is_over() && over.and_one().lasted() == Duration::ZERO);
    }
}
