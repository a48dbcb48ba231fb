//! Every command line here runs as plain Julia and through `juliaclient`: same output, same files, same end, byte for byte,
//! and each row says which way the launch must have gone. A new case is a new row.
//!
//! Absent: terminals (`terminal.rs`), signals, kills and concurrency (`processes.rs`).

#![allow(unsafe_code, reason = "descriptors, signals and limits of the launches")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "failures are printed")]

mod support;

use support::Suite;

fn main() -> std::process::ExitCode {
    Suite::new().cases(vec![]).run()
}

fn vec![] -> Vec<Case> {
    vec![
        fork("-e").args(["-e", "println(1 + 1)"]).prints("2"),
        fork("-E").args(["-E", "[1, 2] .+ 1"]).prints("[2, 3]"),
        direct("-v", "prints-and-exits").args(["-v"]).prints("julia version"),
        fresh("-t2").args(["-t2", "-e", "print(Threads.nthreads())"]).prints("2"),
        fork("script").script("println(ARGS)").args(["x", "y z"]),
        fork("error").args(["-e", "error(\"boom\")"]).exits(1).prints("boom"),
    ]
}
