//! Every command line here runs as plain Julia and through `juliaclient`: same output, same files, same end, byte for byte,
//! and each row says which way the launch must have gone. A new case is a new row.
//!
//! Absent: terminals (`terminal.rs`), signals, kills and concurrency (`processes.rs`).

#![allow(unsafe_code, reason = "descriptors, signals and limits of the launches")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "failures are printed")]

mod bad_input;
mod command_line;
mod descriptors;
mod ending;
mod packages;
mod program;
mod runtime;
#[path = "../support/mod.rs"]
mod support;
mod surroundings;

use support::Suite;

fn main() -> std::process::ExitCode {
    Suite::new()
        .cases(command_line::actions())
        .cases(command_line::settings())
        .cases(command_line::process_wide())
        .cases(command_line::left_to_julia())
        .cases(program::seen_by_a_program())
        .cases(program::from_stdin())
        .cases(program::untouched_by_the_worker())
        .cases(ending::statuses())
        .cases(ending::hooks())
        .cases(ending::crashes())
        .cases(bad_input::programs())
        .cases(bad_input::errors())
        .cases(bad_input::odd_words())
        .cases(descriptors::standard())
        .cases(descriptors::broken())
        .cases(descriptors::others())
        .cases(descriptors::subprocesses())
        .cases(surroundings::environment())
        .cases(surroundings::folder())
        .cases(surroundings::limits_and_signals())
        .cases(runtime::libraries())
        .cases(runtime::tasks())
        .cases(runtime::used_once())
        .cases(packages::loaded())
        .test("descriptors 0, 1 and 2 closed", descriptors::all_closed)
        .test("two launches differ as two processes do", runtime::launches_differ)
        .test("a changed package is loaded anew", packages::changed_package)
        .test("a launch leaves nothing for the next", runtime::nothing_stays)
        .test("require refuses what no worker serves", command_line::require_refuses)
        .run()
}
