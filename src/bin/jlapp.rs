//! `jlapp`: apps and Julias, and the daemon that makes them quick.
//!
//! `jlapp launch` is a launch like a shim's and nothing else: it needs nothing of the rest.
#![no_main]
#![allow(
    unsafe_code,
    reason = "an own `main`: Rust's start-up would ignore SIGPIPE and open /dev/null over closed descriptors"
)]

use std::ffi::{c_char, c_int};

/// # Safety
/// Called by the C runtime with its arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: the C runtime's promise.
    let mut arguments = unsafe { jlapp::sys::process::arguments(count, words) };
    let asks_for_help = arguments.get(2).is_some_and(|word| word == "--help" || word == "-h");
    if arguments.get(1).is_some_and(|word| word == "launch") && !asks_for_help {
        arguments.drain(..2);
        return jlapp::client::launch(arguments);
    }
    jlapp::cli::main(arguments)
}
