//! Clients of other releases.

use std::fs;

use jlapp::protocol::{Kind, PROTOCOL, Release};

use super::daemon_support::{Place, is_alive, wait_until};
use super::shared::{SCRIPT, ask, assert_unharmed, forged};

#[test]
fn a_newer_client_makes_the_conductor_give_way() {
    let place = Place::with_script("newer", SCRIPT);
    for protocol in [PROTOCOL, PROTOCOL + 1] {
        let pid = place.start();
        let newer = forged(Kind::Launch, protocol, Release::OURS.0 + 1, b"whatever it may say");
        assert_eq!(ask(&place, &newer), Some((Kind::Retired, Vec::new())));
        assert!(!place.socket().exists(), "the name is not free");
        let lock = fs::File::open(place.lock()).unwrap();
        lock.try_lock().expect("the lock is not free");
        drop(lock);
        wait_until("it has ended", 5, || !is_alive(pid));
    }
}

/// Looking is not replacing: `jlapp daemon status` of a newer release must leave the conductor where it is.
#[test]
fn a_newer_status_does_not_end_the_conductor() {
    let place = Place::with_script("looking", SCRIPT);
    let pid = place.start();
    let answered = ask(&place, &forged(Kind::Status, PROTOCOL, Release::OURS.0 + 1, b""));
    assert!(!matches!(answered, Some((Kind::Retired, _))), "{answered:?}");
    assert_unharmed(&place, pid);
}
