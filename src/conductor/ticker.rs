//! Once a second: what time alone changes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Conductor;
use super::lock::State;
use super::{MOST_SESSIONS, order};
use crate::env;

const DEFAULT_IDLE_TTL: Duration = Duration::from_secs(3600);

/// How long a conductor stays that keeps nothing.
fn idle_time_to_live() -> Duration {
    let setting = std::env::var(env::IDLE_TTL).ok();
    setting.and_then(|text| order::seconds(text.as_bytes())).unwrap_or(DEFAULT_IDLE_TTL)
}

/// The next launch starts another one.
fn end_if_idle(conductor: &Conductor, since: &mut Instant) {
    let is_idle = conductor.pool.is_empty() && conductor.places.available_permits() + 1 >= MOST_SESSIONS;
    if !is_idle {
        *since = Instant::now();
    } else if since.elapsed() >= idle_time_to_live() {
        conductor.log.line("nothing has been kept for a long time");
        conductor.stop();
    }
}

/// Runs until the conductor ends.
pub(super) async fn tick(conductor: Rc<Conductor>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut idle_since = Instant::now();
    loop {
        every.tick().await;
        conductor.pool.tidy();
        conductor.pool.warmth.tick(&conductor.pool);
        end_if_idle(&conductor, &mut idle_since);
        match conductor.lock.state() {
            State::Held => {}
            State::SocketLost => {
                conductor.log.line("the socket was removed: it is made again");
                conductor.relisten.notify_one();
            }
            State::Lost => {
                conductor.log.line("the lock was removed: another conductor may live");
                conductor.stop();
            }
        }
    }
}
