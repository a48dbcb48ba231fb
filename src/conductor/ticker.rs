//! Once a second: what time alone changes.

use std::rc::Rc;
use std::time::Duration;

use super::Conductor;
use super::lock::State;

/// Runs until the conductor ends.
pub(super) async fn tick(conductor: Rc<Conductor>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        conductor.pool.tidy();
        conductor.pool.warmth.tick(&conductor.pool);
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
