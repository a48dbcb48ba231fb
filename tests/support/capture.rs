//! Everything that a process writes to a descriptor, as it comes.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::wait::DEADLINE;

/// Reads a pipe or a terminal in the background until its end.
pub struct Capture {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
    close: bool,
}

impl Capture {
    pub fn start(source: Arc<OwnedFd>) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let writer = shared.clone();
        thread::spawn(move || {
            writer.fill(&source);
            drop(source);
            writer.state.lock().unwrap().ended = true;
            writer.changed.notify_all();
        });
        Self { shared }
    }

    /// What has come so far.
    pub fn so_far(&self) -> Vec<u8> {
        self.shared.state.lock().unwrap().bytes.clone()
    }

    /// Waits until `text` has come; panics with everything that has come instead.
    pub fn await_text(&self, text: &str) {
        self.await_times(text, 1);
    }

    /// Waits until `text` has come `times` times.
    pub fn await_times(&self, text: &str, times: usize) {
        let found = self.wait(DEADLINE, |state| count(&state.bytes, text.as_bytes()) >= times || state.ended);
        let bytes = self.so_far();
        assert!(found && count(&bytes, text.as_bytes()) >= times, "no {text:?} in {}", bytes.escape_ascii());
    }

    /// Everything, once all writers have closed. `None` when they haven't within `limit`.
    pub fn all(&self, limit: Duration) -> Option<Vec<u8>> {
        self.wait(limit, |state| state.ended).then(|| self.so_far())
    }

    /// Stops reading and closes this side.
    pub fn close(&self) {
        self.shared.state.lock().unwrap().close = true;
        assert!(self.wait(DEADLINE, |state| state.ended), "the reader did not close");
    }

    fn wait(&self, limit: Duration, holds: impl Fn(&State) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.shared.state.lock().unwrap();
        while !holds(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
        true
    }
}

impl Shared {
    /// Ends with the last writer; for a terminal that is an error (EIO).
    fn fill(&self, source: &OwnedFd) {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if self.state.lock().unwrap().close {
                return;
            }
            let mut polled = libc::pollfd { fd: source.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one valid entry.
            if unsafe { libc::poll(&raw mut polled, 1, 20) } < 1 {
                continue;
            }
            // SAFETY: the buffer is as long as stated.
            let count = unsafe { libc::read(source.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            let Ok(count @ 1..) = usize::try_from(count) else { return };
            self.state.lock().unwrap().bytes.extend_from_slice(&buffer[..count]);
            self.changed.notify_all();
        }
    }
}

fn count(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).filter(|part| *part == text).count()
}
