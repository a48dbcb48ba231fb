//! No branch is made beside a launch of its program that has just begun: both would precompile the same packages, and Julia
//! would say so to the launch.

use std::time::{Duration, Instant};

use super::Desk;
use super::daemon_support::skip;

/// What the conductor calls beginning (`BEGINNING` in src/conductor/warmth.rs), less what looking takes.
const BEGINNING: Duration = Duration::from_secs(110);

pub fn has_no_branch_beside_it(desk: &Desk) {
    let held = desk.write("held.jl", "f(x) = x\nreadline()\nprintln(f(1))\n").display().to_string();
    let other = desk.write("other.jl", "g(x) = x\nprintln(g(2))\n").display().to_string();
    desk.run(&["held.jl"]);
    let start = Instant::now();
    let mut running = desk.client(&["held.jl"]).spawn();
    running.served_pid();
    for _ in 0..2 {
        desk.run(&["other.jl"]);
    }
    // One is made at a time: had it not to wait, that of `held.jl` would have come first.
    desk.wait_for(&other, "1 statements");
    let outlook = desk.outlook(&held);
    if start.elapsed() < BEGINNING {
        assert_eq!(outlook, None, "a branch for a launch that has just begun");
    } else {
        skip("a launch that has just begun", "the machine is too slow: it has run for long");
    }
    running.say("\n");
    running.finish();
    desk.wait_for(&held, "1 statements");
}
