//! REPLs and `-i` on a real terminal, as plain Julia and from the pool of workers that are ready for them.
//!
//! What is typed is drawn more or less often as the machine is busy or not, so transcripts are not compared: what the program saw
//! is, by the files that it writes.

#![allow(unsafe_code, reason = "terminals are opened by system calls")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "failures are printed")]

mod endings;
mod keys;
mod sessions;
#[path = "../support/mod.rs"]
mod support;

use support::launch::Session;
use support::{Case, Launch, Running, Suite, Way, World, fresh};

/// The REPL switches bracketed paste on when it is ready for a line.
pub const PROMPT: &str = "\x1b[?2004h";
pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";
pub const CTRL_Z: &str = "\x1a";

fn main() -> std::process::ExitCode {
    Suite::new()
        .cases(sessions::cases())
        .cases(keys::cases())
        .cases(endings::cases())
        .test("history is that of the REPL before", sessions::history)
        .test("two at once", sessions::two_at_once)
        .test("the first one runs as plain Julia, the next is served", sessions::first_runs_plain)
        .test("the terminal's modes are as before, however it ends", endings::modes_stay)
        .test("no signal is lost while it prints", keys::resized_while_it_prints)
        .test("a client that is killed takes its REPL along", endings::client_is_killed)
        .test("a worker that is killed", endings::worker_is_killed)
        .test("Ctrl-Z stops every process, and nothing is left of it after fg", keys::stops_everything)
        .run()
}

/// A case on a terminal whose screen is not compared.
pub fn on_screen(case: Case) -> Case {
    case.on_terminal().normal(|_| Vec::new())
}

/// A REPL at whose first prompt these lines are typed, one after the other, each at a prompt; then Ctrl-D.
pub fn typed(name: &str, lines: &'static [&'static str]) -> Case {
    on_screen(fresh(name)).act(move |program| {
        type_lines(program, lines);
        program.write(CTRL_D);
    })
}

pub fn type_lines(program: &mut Running, lines: &[&str]) {
    for (number, line) in lines.iter().enumerate() {
        program.stdout().await_times(PROMPT, number + 1);
        program.write(format!("{line}\n"));
    }
    program.stdout().await_times(PROMPT, lines.len() + 1);
}

/// A REPL that only a worker may serve.
pub fn start(world: &World, name: &str, session: Session) -> Running {
    let launch = Launch::default().on_terminal(session).env("JULIA_DAEMON", "require");
    world.start(Way::Client, &launch.deadline_seconds(120), &world.case_folder(name))
}
