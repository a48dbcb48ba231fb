//! Doing ahead what a launch needs that has not been made yet: `jlapp daemon warm`.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Conductor;
use super::decline::Declined;
use super::group::{Group, Phase};
use super::key::Key;
use super::order::{Order, Request};
use super::pool::{First, Pool};
use super::warmth;
use crate::protocol::Warmed;
use crate::worker::Isolation;

/// Longer than anything takes that has a deadline of its own.
const PATIENCE: Duration = Duration::from_secs(540);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Makes ready what serves such launches, and says what was done. Nothing of the program runs that loading it does not run.
///
/// # Errors
/// No worker serves such launches.
pub(super) async fn warm(conductor: &Rc<Conductor>, request: Request<'_>) -> Result<Warmed, Declined> {
    let (chosen, directory) = (request.chosen, request.directory);
    let order = Order::of(conductor, request)?;
    let deadline = Instant::now() + PATIENCE;
    let group = loop {
        let group = conductor.pool.group(order.key.clone(), order.time_to_live, First::Waits)?;
        until(deadline, || is_decided(&group)).await;
        if !matches!(group.phase.get(), Phase::Failed(_)) {
            break group;
        }
        if !conductor.pool.is_fresh_instead(&group.key) {
            return Ok(answer(false, "its Julia could not be started as a worker; see `jlapp daemon logs`"));
        }
    };
    if group.phase.get() == Phase::Booting {
        return Ok(answer(false, "its Julia is still being started"));
    }
    match &order.program {
        _ if group.key.isolation != Isolation::Fork => Ok(answer(true, "a worker is ready, to be used once")),
        None => Ok(answer(true, "a worker is ready; nothing else can be done ahead for it")),
        Some(key) => {
            conductor.pool.warmth.expect(key, order.recipe(chosen, directory));
            Ok(grow(conductor, key, deadline).await)
        }
    }
}

/// Ready with a spare, or failed.
fn is_decided(group: &Group) -> bool {
    match group.phase.get() {
        Phase::Booting => false,
        Phase::Failed(_) => true,
        Phase::Ready(_) => !group.spares.borrow().is_empty() || group.is_retired.get(),
    }
}

fn look(pool: &Rc<Pool>, key: &Key) -> Result<Rc<Group>, String> {
    warmth::branch(pool, key, |inputs| inputs.changed())
}

/// Waits for the branch of a program.
async fn grow(conductor: &Rc<Conductor>, key: &Key, deadline: Instant) -> Warmed {
    let pool = &conductor.pool;
    let mut refused = None;
    until(deadline, || {
        if look(pool, key).is_ok_and(|group| is_decided(&group)) {
            return true;
        }
        refused = pool.warmth.refused(key);
        pool.warmth.consider(pool, key);
        refused.is_some()
    })
    .await;
    match (look(pool, key), refused) {
        (Ok(branch), _) => answer(true, &branch.about.borrow()),
        (_, Some(why)) => answer(true, &format!("a worker is ready; nothing else is done ahead for it: {why}")),
        (Err(why), None) => answer(true, &format!("a worker is ready, but {why}")),
    }
}

async fn until(deadline: Instant, mut is_so: impl FnMut() -> bool) {
    while !is_so() && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn answer(is_ready: bool, about: &str) -> Warmed {
    Warmed { is_ready, about: about.into() }
}
