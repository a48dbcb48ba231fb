//! A zygote serves as soon as it can fork; its successor, forked from it, takes its place when it has done what takes long.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon_support;

use daemon_support::{Place, WAITS, is_alive, kill, pids, wait_until};
use rustix::process::Signal;

/// Seconds that a successor may take on a loaded machine.
const GROWN_UP: u64 = 120;

fn zygote(place: &Place) -> u32 {
    u32::try_from(place.worker()["zygote_pid"].as_u64().unwrap()).unwrap()
}

fn spares(place: &Place) -> usize {
    pids(&place.worker()["spare_pids"]).len()
}

fn is_growing(place: &Place) -> bool {
    place.worker()["is_growing"].as_bool().unwrap()
}

fn is_served(place: &Place) {
    place.client(["-e", "print(1)"]).require().run().assert_served("1", 0);
}

/// The Julia that is neither zygote, spare nor job, once it is there and nothing that it has forked is.
fn successor(place: &Place) -> u32 {
    let mut found = Vec::new();
    wait_until("there is a successor", 30, || {
        let worker = place.worker();
        let mut known = pids(&worker["spare_pids"]);
        known.extend(pids(&worker["job_pids"]));
        known.push(zygote(place));
        known.push(place.conductor_pid());
        found = place.processes().into_iter().map(|(pid, _)| pid).filter(|pid| !known.contains(pid)).collect();
        known.len() >= 4 && found.len() == 1
    });
    found[0]
}

#[test]
fn it_takes_over_and_jobs_go_on() {
    let place = Place::new("succession");
    let mut running = place.client(["-e", WAITS]).require().spawn();
    let job = running.served_pid();
    let first = zygote(&place);
    assert!(is_growing(&place), "launches are served before a successor is ready");
    is_served(&place);
    wait_until("the successor has taken over", GROWN_UP, || zygote(&place) != first);
    let second = zygote(&place);
    wait_until("it has spares", 10, || !is_growing(&place) && spares(&place) >= 2);
    assert!(is_alive(job) && is_alive(first), "a job and its parent stay");
    assert_eq!(pids(&place.worker()["job_pids"]), [job]);
    is_served(&place);
    running.finish().assert_served("runs\n", 7);
    wait_until("the first zygote has ended with its last job", 10, || !is_alive(first));
    is_served(&place);
    assert_eq!(zygote(&place), second);
    wait_until("nothing is left over", 10, || place.processes().len() == 2 + spares(&place));
}

#[test]
fn one_that_is_lost_is_not_missed() {
    let place = Place::new("lost-successor");
    is_served(&place);
    let first = zygote(&place);
    kill(successor(&place), Signal::KILL);
    wait_until("its loss is known", 10, || !is_growing(&place));
    is_served(&place);
    assert_eq!(zygote(&place), first);
    let log = place.daemon(&["logs"]);
    assert!(String::from_utf8_lossy(&log.stdout).contains("a successor was lost"));
}

#[test]
fn it_ends_with_its_conductor() {
    for signal in [None, Some(Signal::KILL)] {
        let place = Place::new("successor-ends");
        is_served(&place);
        let (conductor, successor) = (place.conductor_pid(), successor(&place));
        match signal {
            Some(signal) => kill(conductor, signal),
            None => assert!(place.daemon(&["stop"]).status.success()),
        }
        wait_until("it has ended", 10, || !is_alive(successor));
        wait_until("nothing is left", 10, || place.processes().is_empty());
        place.start(); // which takes away what a killed one could not
    }
}
