//! Once a second: what time alone changes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::Conductor;
use super::lock::State;
use super::orphans::Orphans;
use super::pool::Pool;
use super::{MOST_SESSIONS, guess, memory, order};
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

/// What workers need once a second.
fn look_after(pool: &Rc<Pool>) {
    pool.tidy();
    pool.warmth.tick(pool);
    memory::spend(pool);
    guess::let_go(pool);
}

/// Runs until the conductor ends.
pub(super) async fn tick(conductor: Rc<Conductor>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    // After a standstill there is a turn of the loop, and so all that had come meanwhile, between one tick and the next.
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut idle_since, mut orphans) = (Instant::now(), Orphans::default());
    loop {
        every.tick().await;
        look_after(&conductor.pool);
        orphans.take_away();
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use std::fs;

    use super::super::group::{Group, Phase};
    use super::super::key::{Key, Stamped};
    use super::super::log::Log;
    use super::*;
    use crate::protocol::Recipe;
    use crate::worker::Isolation;

    const SECONDS_OF_A_DAY: u32 = 24 * 3600;

    /// A pool that keeps workers of several kinds of launches, and knows their programs.
    pub(crate) fn pool() -> Rc<Pool> {
        let pool = Rc::new(Pool::new(Log::to_nobody()));
        for number in 0..4 {
            let julia = Stamped::at(&std::env::current_exe().unwrap()).unwrap();
            let switches = vec![format!("--optimize={number}").into()];
            let key = Key {
                julia,
                image: None,
                switches,
                variables: Vec::new(),
                isolation: Isolation::Fork,
                program: None,
                session: None,
            };
            let group = Group::new(key.clone());
            group.phase.set(Phase::Ready((1, 10)));
            pool.warmth.expect(&key, Recipe::default());
            pool.groups.borrow_mut().insert(key, Rc::new(group));
        }
        pool
    }

    /// In pages (proc_pid_statm(5)).
    fn resident() -> u64 {
        fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn a_day_without_launches_takes_no_memory() {
        let pool = pool();
        let second = || look_after(&pool);
        (0..1000).for_each(|_| second());
        // Other tests of this process take memory, too, but not every time.
        let is_a_day_without_growth = |_| {
            let before = resident();
            (0..SECONDS_OF_A_DAY).for_each(|_| second());
            resident() < before + 256
        };
        assert!((0..4).any(is_a_day_without_growth), "each of four days takes a megabyte and more");
        assert_eq!(pool.groups.borrow().len(), 4);
    }
}
