//! Signals to the client, kills of every part, many launches at once.
//!
//! One at a time: what a test kills here others would use.

#![allow(unsafe_code, reason = "signals")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "failures are printed")]

#[path = "processes/at_once.rs"]
mod at_once;
#[path = "processes/kills.rs"]
mod kills;
#[path = "processes/signals.rs"]
mod signals;
mod support;

use support::Suite;

fn main() -> std::process::ExitCode {
    Suite::new()
        .one_at_a_time()
        .cases(signals::ending())
        .cases(signals::going_on())
        .cases(signals::stopping())
        .test("nohup: a hang-up of the whole group", signals::nohup_outlives)
        .test("8 launches at once", |world| at_once::launches(world, 8))
        .test("30 launches at once", |world| at_once::launches(world, 30))
        .test("launches at once from a pipeline", at_once::pipeline)
        .test("a first launch of several at once starts one conductor", at_once::one_conductor)
        .test("kill -9 of the client ends the program and its subprocess", kills::client)
        .test("kill -9 of the client ends a program that ignores the hang-up", kills::client_of_a_stubborn_program)
        .test("kill -9 of the conductor leaves the program running", kills::conductor)
        .test("kill -9 of the zygote leaves the program running", kills::zygote)
        .test("kill -9 of zygote and conductor leaves the program running", kills::zygote_and_conductor)
        .test("kill -9 of the program kills the client", kills::program)
        .test("kill -9 of all spares", kills::spares)
        .test("jlapp daemon stop leaves the program running", kills::stop_command)
        .test("no launch runs twice, none is lost", kills::at_most_once)
        .run()
}
